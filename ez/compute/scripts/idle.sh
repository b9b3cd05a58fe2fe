# Once a minute: does somebody work here? After the minutes of /etc/ez/watchdog.conf without that, say so, and five
# minutes later rest. Time is the machine's since its boot, so that a clock that jumps does no harm. The file may also
# say until when (Unix seconds) the machine is wanted at all: then it rests whatever runs here.
# Before it rests, the login users' own programs save work that is nowhere else (ez/env/migrate/keeper.py).
# /run/ez/idle tells everybody how it stands, /var/lib/ez/rested when and why it rested last.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
conf=${1:-/etc/ez/watchdog.conf}
now=/run/ez/watchdog
told=/run/ez/idle
lease=/var/lib/ez/lease
failure=/run/ez/idle-failure
cell=/usr/local/lib/ez/cell
grace=300
youngest=900
umask 022
read -r minutes action _ until <"$conf" || exit 0
case "$until" in *[!0-9]*) until= ;; esac
mkdir -p "$now" /var/lib/ez
read -r uptime _ </proc/uptime
uptime=${uptime%.*}
processors=$(getconf _NPROCESSORS_ONLN)

# remembered NAME VALUE: what it was a minute ago, empty at first; VALUE is kept for the next time.
remembered() {
    cat "$now/$1" 2>/dev/null
    printf '%s\n' "$2" >"$now/$1"
}

environments() { timeout 60 docker ps --quiet --filter label=ez.env 2>/dev/null; }

# Bytes through sshd, here and in containers. Keepalives of a connection that nobody uses stay below 2 kB a minute.
sessions() {
    for folder in /proc/[0-9]*; do
        read -r name 2>/dev/null <"$folder/comm" || continue
        case "$name" in sshd*) ;; *) continue ;; esac
        bytes=$(sed -n 's/^[rw]char: //p' "$folder/io" 2>/dev/null | tr '\n' ' ')
        [ -z "$bytes" ] || echo "${folder#/proc/} $((${bytes%% *} + $(echo "$bytes" | cut -d ' ' -f 2)))"
    done
}

typed_at_login() {
    sessions >"$now/sessions.new"
    moved=0
    if [ -e "$now/sessions" ]; then
        # Linux adds what an ended process has moved to its parent, and the end itself moves some: that is no work.
        moved=$(awk 'FNR == NR { before[$1] = $2; next } { sum += $2 - before[$1]; delete before[$1] }
            END { for (ended in before) sum -= before[ended] + 32768; printf "%d\n", sum }' \
            "$now/sessions" "$now/sessions.new")
    fi
    mv "$now/sessions.new" "$now/sessions"
    is_uneven "$moved"
}

# A window of an editor or a notebook that nobody looks at moves the same each minute, for ever, to a hundredth; what a
# person does is uneven. So what counts is above the least of the last ten minutes. $1: bytes since the last look.
is_uneven() {
    before=$(remembered moment "$uptime")
    passed=$((uptime - ${before:-0}))
    [ "$passed" -lt 60 ] || [ "$passed" -gt 120 ] || set -- $(($1 * 60 / passed))
    # Less than nothing where a connection ended.
    [ "$1" -ge 0 ] || set -- 0
    least=$(awk 'NR == 1 || $1 < least { least = $1 } END { print NR < 10 ? 0 : least }' "$now/moved" 2>/dev/null)
    { tail -n 9 "$now/moved" 2>/dev/null; echo "$1"; } >"$now/moved.new"
    mv "$now/moved.new" "$now/moved"
    [ "$1" -gt $((${least:-0} + ${least:-0} / 16 + 2000)) ]
}

# More than a quarter of a processor: what watches files in an editor's back stays below that.
computes() {
    read -r _ user nice system idle wait rest </proc/stat
    # Interrupts and what a hypervisor takes are left out.
    busy=$((user + nice + system))
    total=$((busy + idle + wait))
    before=$(remembered processor "$busy $total")
    [ -n "$before" ] || return 1
    busy=$((busy - ${before% *}))
    total=$((total - ${before#* }))
    [ "$total" -gt 0 ] && [ $((busy * 100 * processors / total)) -gt 25 ]
}

transfers() {
    bytes=0
    for file in /sys/class/net/*/statistics/rx_bytes /sys/class/net/*/statistics/tx_bytes; do
        case "$file" in */lo/* | */docker0/* | */veth*/* | */br-*/*) continue ;; esac
        read -r count 2>/dev/null <"$file" && bytes=$((bytes + count))
    done
    before=$(remembered network "$bytes")
    [ -n "$before" ] && [ $((bytes - before)) -gt 5000000 ]
}

# A program that loads data leaves the card alone for moments: the most of three looks counts.
computes_on_card() {
    command -v nvidia-smi >/dev/null || return 1
    for look in 1 2 3; do
        [ "$look" = 1 ] || sleep 5
        for used in $(timeout 20 nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits 2>/dev/null); do
            case "$used" in *[!0-9]*) ;; *) [ "$used" -le 5 ] || return 0 ;; esac
        done
    done
    return 1
}

# A cell of a notebook that only waits moves nothing and computes nothing. Asked inside, as the environment's user.
runs_cell() {
    for id in $(environments); do
        timeout 30 docker exec -i --user envd --env HOME=/home/envd "$id" sh <"$cell" >/dev/null 2>&1 && return
    done
    return 1
}

is_leased() {
    read -r kept 2>/dev/null <"$lease" || return 1
    case "$kept" in '' | *[!0-9]*) return 1 ;; esac
    [ "$(date +%s)" -lt "$kept" ]
}

is_prepared() { [ -e /run/ez/prepare.lock ] && ! flock -s -n /run/ez/prepare.lock true; }

# Seconds until the machine's time is over, empty where it has no end; a lease puts the end off. Who has started it
# after its end wants it again, but not for ever; who has just started it has a quarter of an hour.
ends_in=
if [ "${until:-0}" -gt 0 ]; then
    clock=$(date +%s)
    # Of the first process, since in a container the time since the boot is that of the machine around.
    ticks=$(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20)
    if [ $((clock - uptime + ticks / $(getconf CLK_TCK))) -ge "$until" ]; then
        [ "$minutes" -gt 0 ] || minutes=30
    else
        ! is_leased || [ "$kept" -le "$until" ] || until=$kept
        ends_in=$((until - clock))
        [ "$ends_in" -ge $((youngest - uptime)) ] || ends_in=$((youngest - uptime))
    fi
fi

# All of them each time, since most compare with what was a minute ago.
reasons=
typed_at_login && reasons="$reasons login"
computes && reasons="$reasons processor"
transfers && reasons="$reasons network"
is_leased && reasons="$reasons lease"
is_prepared && reasons="$reasons preparation"
[ -n "$reasons" ] || ! computes_on_card || reasons=' card'
[ -n "$reasons" ] || ! runs_cell || reasons=' cell'

[ -e "$now/active" ] && [ -z "$reasons" ] || echo "$uptime" >"$now/active"
read -r active <"$now/active"
idle=$((uptime - active))

# While there was work in the last hour, Azure's own clock is looked at each hour, and yields. What fails is told.
looked=-3600
read -r looked 2>/dev/null <"$now/looked"
if [ "$action" = deallocate ] && [ "$idle" -lt 3600 ] && [ $((uptime - looked)) -ge 3540 ]; then
    echo "$uptime" >"$now/looked"
    sh /usr/local/lib/ez/deallocate '' '' lift >"$now/lift" 2>/dev/null
    [ ! -s "$now/lift" ] || { echo "ez: $(cat "$now/lift")" | wall 2>/dev/null; }
fi

tell() {
    printf 'idle_seconds=%s\nreasons=%s\nstops_in=%s\nminutes=%s\naction=%s\n' \
        "$idle" "${reasons# }" "$1" "$minutes" "$action" >"$told.new"
    [ ! -e "$failure" ] || sed 's/^/failed=/' "$failure" >>"$told.new"
    mv "$told.new" "$told"
}

idles() {
    [ "$minutes" -gt 0 ] && [ "$idle" -ge $((minutes * 60)) ] && [ "$uptime" -ge "$youngest" ] &&
        { [ "$action" != suspend ] || [ -n "$(environments)" ]; }
}

is_over() { [ -n "$ends_in" ] && [ "$ends_in" -le "$grace" ]; }

why=
! idles || why="nobody has worked here for $minutes minutes"
! is_over || why='the time of this machine is over, whatever runs here'
if [ -z "$why" ]; then
    if [ -e "$now/announced" ]; then
        rm -f "$now/announced" "$now/ordered" "$now/saved" "$failure"
        echo 'ez: somebody works here again or keeps it, so nothing stops' | wall 2>/dev/null
    fi
    tell ''
    exit 0
fi
if [ ! -e "$now/announced" ]; then
    echo "$uptime" >"$now/announced"
    what='this machine turns itself off'
    [ "$action" != suspend ] || what='the environments stop'
    echo "ez: $why; in 5 minutes $what" | wall 2>/dev/null
fi
read -r announced <"$now/announced"
left=$((grace - uptime + announced))
! is_over || left=$ends_in
if [ "$left" -gt 0 ]; then
    tell "$left"
    exit 0
fi

rests() {
    after="after $((idle / 60)) idle minutes"
    ! is_over || after='at the end of its time'
    printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$action" "$after" >/var/lib/ez/rested
}

# Work that is nowhere else goes to bundles on the system's disk, which a stop keeps. Each user's programs run as that
# user, for five minutes in all, and once: a save that fails is told, and does not keep the machine from resting.
save() {
    [ ! -e "$now/saved" ] && : >"$now/saved" || return
    place=/var/lib/ez/saved
    mkdir -p "$place" && : >"$now/keeping" || return
    begun=$(date +%s)
    getent passwd | while IFS=: read -r user _ _ group _ folder _; do
        left=$((begun + 300 - $(date +%s)))
        [ -f "$folder/ez/.ez/.source/.keeper/keep" ] && [ "$left" -gt 0 ] || continue
        mkdir -p "$place/$user" && chown "$user:$group" "$place/$user" && chmod 700 "$place/$user" || continue
        timeout -k 10 "$left" runuser -u "$user" -- env HOME="$folder" \
            sh "$folder/ez/.ez/.source/.keeper/keep" "$place/$user" $((left - 10)) </dev/null
    done | tr -cd '[:print:]\n' | cut -c 1-300 | head -n 50 >"$now/keeping"
    rm -f "$place/last" /etc/motd.d/ez
    [ -s "$now/keeping" ] || return
    { date -u +%Y-%m-%dT%H:%M:%SZ; cat "$now/keeping"; } | tr '\n' ';' | sed 's/;$//; s/;/; /g' >"$place/last.new"
    echo >>"$place/last.new"
    mv "$place/last.new" "$place/last"
    sed 's/^/ez: before it rested, work that was nowhere else was saved: /' "$place/last" |
        { mkdir -p /etc/motd.d && tee /etc/motd.d/ez; } | tee /dev/stderr | wall 2>/dev/null
}

# Ordered each minute until the cloud takes it, and again if the machine still runs ten minutes after that. A failure is
# told; a machine that only turned itself off might be paid for as before.
deallocate() {
    read -r ordered 2>/dev/null <"$now/ordered" && [ $((uptime - ordered)) -lt 600 ] && return
    said=$(sh /usr/local/lib/ez/deallocate)
    case $? in
        0) rests && echo "$uptime" >"$now/ordered" && rm -f "$failure" ;;
        3) rests && systemctl poweroff ;;
        *)
            [ "$said" = "$(cat "$failure" 2>/dev/null)" ] || echo "ez: $said" | wall 2>/dev/null
            printf '%s\n' "$said" | tee "$failure" >&2
            tell 0
            ;;
    esac
}

tell 0
# Words, not one argument: containers.
containers=$(environments)
[ -z "$containers" ] || docker stop --time 30 $containers >/dev/null
save
if [ "$action" = deallocate ]; then
    deallocate
    exit 0
fi
rm -f "$now/announced" "$now/active" "$now/saved"
rests
[ "$action" = suspend ] || systemctl poweroff
