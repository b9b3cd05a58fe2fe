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

# Never a plain umount, which asks a server that may be gone.
clear_place() {
    while is_mounted; do umount -l "$place" 2>/dev/null || return 1; done
    # Of one that was taken away for good nothing comes again.
    [ -f "$conf" ] || return 0
    mkdir -p -m 755 "$root/$environment" "$place"
    chmod 755 "$root/$environment" "$place"
}

ended() {
    tell down "$1"
    clear_place
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
            azblob) printf 'key = %s\n' "$(secret secret "$file")" ;;
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

start_rclone() {
    if [ "$(said needs)" = login ] && [ -z "$(credential)" ]; then
        tell login 'nobody has logged in'
        # A login starts this anew.
        exec sleep 3600
    fi
    compose
    told=$(ask_rclone 40) || ended "$(printf '%s' "$told" | tail -n 1 | sed 's/^[0-9/]* [0-9:]* *//')"
    mkdir -p /var/cache/ez/shares
    # Words, not one argument: a flag.
    rclone --config "$now/rclone.conf" mount "ez:$(said place)" "$place" $([ "$(said access)" = rw ] || echo --read-only) \
        --allow-other --uid "$(said uid)" --gid "$(said gid)" --umask 0022 --vfs-cache-mode writes --vfs-write-back 1s \
        --cache-dir "/var/cache/ez/shares/$instance" --dir-cache-time 10s --contimeout 10s --timeout 15s \
        --low-level-retries 2 --retries 1 --use-mmap </dev/null &
    program=$!
}

start_nfs() {
    options=soft,timeo=50,retrans=2,nosuid,nodev,$(said access)
    [ "$(said port)" = 0 ] || options=$options,port=$(said port)
    [ -z "$(said options)" ] || options=$options,$(said options)
    told=$(timeout 45 mount -t nfs -o "$options" "$(said server):$(said place)" "$place" 2>&1) || ended "$told"
    program=
}

# ping: whether it answers, in an answer's time.
ping() {
    case "$(said kind)" in
    # A name that no cache knows asks the other side.
    local)
        timeout -s KILL 10 stat "$place/.ez-$(date +%s)" >/dev/null 2>&1
        [ $? != 137 ]
        ;;
    nfs) timeout -s KILL 20 stat -f "$place" >/dev/null 2>&1 ;;
    *) ask_rclone 40 >/dev/null ;;
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
    interval=$(said interval)
    missed=0
    tell up
    while :; do
        waited=0
        while [ "$waited" -lt "${interval:-60}" ]; do
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
    case "$(said kind)" in
    nfs) start_nfs ;;
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
