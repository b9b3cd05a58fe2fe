# A share of an environment on this computer, mounted while it answers: $1 what to do, $2 ENVIRONMENT.SHARE.
#   root         have the directory of all shares such that what is mounted there later is seen in containers
#   run          mount it and watch it; ends when it does not answer, and systemd runs it again
#   home         mount a folder that is served on standard input and output, from another computer, and watch it
#   clear        take away what is left of it
#   forget       take it away for good; forget-all does so for all of the environment $2
# /etc/ez/shares/INSTANCE.conf has `key=value` lines, INSTANCE.rclone what rclone is told; what logs in is below
# /run/ez/credentials or, to outlive a restart, /etc/ez/credentials. Nobody but root reads any of that.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
root=/var/lib/ez/shares
settings=/etc/ez/shares
instance=${2-}
environment=${instance%%.*}
share=${instance#*.}
place=$root/$environment/$share
now=/run/ez/shares/$instance
conf=$settings/$instance.conf

said() { [ ! -f "$conf" ] || sed -n "s/^$1=//p" "$conf" | head -n 1; }

# tell up|down|wait|login WHY: how it stands, for everybody.
tell() {
    [ -f "$conf" ] || return 0
    mkdir -p -m 755 /run/ez /run/ez/shares
    mkdir -p "$now"
    chmod 755 /run/ez /run/ez/shares "$now"
    printf '%s %s %s\n' "$1" "$(date +%s)" "$(printf '%s' "${2-}" | tr '\n\r\t' '   ' | cut -c 1-300)" >"$now/state.new"
    chmod 644 "$now/state.new"
    mv "$now/state.new" "$now/state"
}

make_root() {
    mkdir -p -m 755 /var/lib/ez "$root"
    chmod 755 /var/lib/ez "$root"
    mountpoint -q "$root" || mount --bind "$root" "$root" || exit 1
    # Recursive: a share that is mounted already stays seen.
    mount --make-rshared "$root"
}

is_mounted() { grep -qF " $place " /proc/self/mountinfo; }

# Never a plain umount, nor a helper's, which ask a server that may be gone. With $1 `-f` whoever waits for it gets an
# error, and what was not sent yet is lost where the kernel mounts it.
clear_place() {
    while is_mounted; do umount -i -l ${1-} "$place" 2>/dev/null || return 1; done
    # Of one that was taken away for good nothing comes again.
    [ -f "$conf" ] || return 0
    mkdir -p -m 755 "$root/$environment" "$place"
    chmod 755 "$root/$environment" "$place"
}

ended() {
    tell down "$1"
    clear_place -f
    [ -z "${program-}" ] || kill -9 "$program" 2>/dev/null
    exit 1
}

credential() {
    name=$(said credential)
    for folder in /run/ez/credentials /etc/ez/credentials; do
        [ -f "$folder/$name" ] && echo "$folder/$name" && return
    done
}

secret() { sed -n "s/^$1=//p" "$2" | head -n 1; }

# rclone's settings, with what logs in where somebody has logged in.
compose() {
    mkdir -p /run/ez/shares "$now"
    file=$(credential)
    {
        cat "$settings/$instance.rclone"
        if [ -n "$file" ]; then
            user=$(secret user "$file")
            case "$(said kind)" in
            smb)
                [ -z "$user" ] || printf 'user = %s\n' "$user"
                domain=$(secret domain "$file")
                [ -z "$domain" ] || printf 'domain = %s\n' "$domain"
                printf 'pass = %s\n' "$(secret secret "$file" | rclone obscure -)"
                ;;
            s3) printf 'access_key_id = %s\nsecret_access_key = %s\n' "$user" "$(secret secret "$file")" ;;
            azblob)
                sas=$(secret sas "$file")
                if [ -n "$sas" ]; then printf 'sas_url = %s\n' "$sas"; else printf 'key = %s\n' "$(secret secret "$file")"; fi
                ;;
            gcs) printf 'service_account_credentials = %s\n' "$(secret secret "$file")" ;;
            rclone) secret line "$file" | tr '\t' '\n' ;;
            esac
        else
            said without | tr ';' '\n'
        fi
    } >"$now/rclone.conf"
}

ask_rclone() {
    timeout "$1" rclone --config "$now/rclone.conf" --contimeout 10s --timeout 15s --low-level-retries 1 --retries 1 \
        lsf --max-depth 1 "ez:$(said place)" 2>&1 >/dev/null </dev/null
}

await_login() {
    [ "$(said needs)" = login ] && [ -z "$(credential)" ] || return 0
    tell login 'nobody has logged in'
    # A login starts this anew.
    exec sleep 3600
}

start_rclone() {
    compose
    told=$(ask_rclone 40) || case $told in
    *NoCredentialProviders*)
        tell login 'nobody has logged in, and this computer has no identity in that cloud'
        exec sleep 600
        ;;
    *) false ;;
    esac || ended "$(printf '%s' "$told" | tail -n 1 | sed 's/^[0-9/]* [0-9:]* *//')"
    mkdir -p /var/cache/ez/shares
    # Words, not one argument: a flag.
    rclone --config "$now/rclone.conf" mount "ez:$(said place)" "$place" $([ "$(said access)" = rw ] || echo --read-only) \
        --allow-other --uid "$(said uid)" --gid "$(said gid)" --umask 0022 --vfs-cache-mode writes --vfs-write-back 1s \
        --cache-dir "/var/cache/ez/shares/$instance" --dir-cache-time 10s --contimeout 10s --timeout 15s \
        --low-level-retries 2 --retries 1 --use-mmap </dev/null &
    program=$!
}

# by_kernel TYPE SOURCE OPTIONS
by_kernel() {
    program=
    options=$3,nosuid,nodev,$(said access)
    [ "$(said port)" = 0 ] || options=$options,port=$(said port)
    modprobe "$1" 2>/dev/null
    grep -qw "$1" /proc/filesystems || ended "the kernel of this computer has no $1"
    told=$(timeout -k 5 20 mount -t "$1" -o "$options" "$2" "$place" 2>&1) ||
        ended "$(printf '%s' "$told" | grep -v '^Refer to' | tail -n 1)"
}

# soft: after 15 seconds without an answer programs get an error. A mount that waits for ever cannot be taken away.
start_nfs() {
    server=$(said server)
    case $server in *:*) server="[$server]" ;; esac
    by_kernel nfs "$server:$(said place)" soft,timeo=50,retrans=2,retry=0
}

# What an rclone before 1.60 leaves to the kernel. The file is in memory, and no command line or mount table has it.
start_cifs() {
    file=$(credential)
    {
        printf 'username=%s\npassword=%s\n' "$(secret user "$file")" "$(secret secret "$file")"
        printf 'domain=%s\n' "$(secret domain "$file")"
    } >"$now/cifs"
    owner=uid=$(said uid),gid=$(said gid),forceuid,forcegid,file_mode=0644,dir_mode=0755
    by_kernel cifs "//$(said server)/$(said place)" "credentials=$now/cifs,$owner,soft,mfsymlinks,echo_interval=15"
}

speaks_smb() { rclone help backends 2>/dev/null | grep -q '^ *smb '; }

# ping: whether it answers, in an answer's time.
ping() {
    case "$(said kind)" in
    # A name that no cache knows asks the other side.
    local)
        timeout -s KILL 10 stat "$place/.ez-$(date +%s)" >/dev/null 2>&1
        [ $? != 137 ]
        ;;
    *) if [ -n "$program" ]; then ask_rclone 25 >/dev/null; else timeout -s KILL 10 stat -f "$place" >/dev/null 2>&1; fi ;;
    esac
}

await_mount() {
    tries=0
    until is_mounted; do
        kill -0 "$program" 2>/dev/null && [ "$tries" -lt 300 ] || ended 'it could not be mounted'
        tries=$((tries + 1))
        sleep 0.1
    done
}

watch_it() {
    often=$(said interval)
    missed=0
    tell up
    while :; do
        waited=0
        interval=${often:-60}
        # Once more, soon, before it is given up.
        [ "$missed" = 0 ] || [ "$interval" -lt 5 ] || interval=5
        while [ "$waited" -lt "$interval" ]; do
            [ -z "$program" ] || kill -0 "$program" 2>/dev/null || ended 'the connection ended'
            is_mounted || ended 'somebody unmounted it'
            sleep 1
            waited=$((waited + 1))
        done
        if ping; then missed=0; else missed=$((missed + 1)); fi
        [ "$missed" -lt "${misses:-2}" ] || ended 'it does not answer'
    done
}

run() {
    tell wait
    clear_place || ended 'what was mounted before does not go away'
    await_login
    kind=$(said kind)
    [ "$kind" != smb ] || speaks_smb || kind=cifs
    case $kind in
    nfs) start_nfs ;;
    cifs) start_cifs ;;
    *)
        start_rclone
        await_mount
        ;;
    esac
    watch_it
}

home() {
    misses=1
    [ -f "$conf" ] || exit 3
    tell wait
    # What an earlier connection has left: the newest one counts.
    if [ -f "$now/pid" ]; then kill "$(cat "$now/pid")" 2>/dev/null; fi
    echo $$ >"$now/pid"
    clear_place || ended 'what was mounted before does not go away'
    trap 'exit 1' HUP INT TERM
    trap 'clear_place; kill -9 "$program" 2>/dev/null; [ "$(cat "$now/pid")" != $$ ] || tell down "the connection ended"' EXIT
    passive=slave
    ! sshfs --help 2>&1 | grep -q passive || passive=passive
    # A shell gives /dev/null to what it starts in the background, unless told otherwise.
    exec 3<&0
    sshfs ez:/ "$place" -f -o "$passive,allow_other,nosuid,nodev,uid=$(said uid),gid=$(said gid),$(said access)" \
        -o dcache_timeout=3,max_read=131072 <&3 3<&- &
    program=$!
    exec 3<&- </dev/null
    await_mount
    watch_it
}

forget() {
    rm -f "$conf"
    systemctl disable --now --no-reload "ez-share@$instance.service" >/dev/null 2>&1
    [ ! -f "$now/pid" ] || kill "$(cat "$now/pid")" 2>/dev/null
    clear_place
    rmdir "$place" 2>/dev/null
    rm -rf "$now" "$settings/$instance.rclone" "/var/cache/ez/shares/$instance"
}

case "$1" in
root) make_root ;;
run) run ;;
home) home ;;
clear) [ ! -d "$root/$environment" ] || clear_place ;;
forget) forget ;;
forget-all)
    for conf in "$settings/$2."*.conf; do
        [ ! -f "$conf" ] || /bin/sh "$0" forget "$(basename "$conf" .conf)"
    done
    rmdir "$root/$2" 2>/dev/null
    ;;
esac
true
