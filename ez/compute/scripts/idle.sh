# Once a minute: does somebody work here? After the minutes of /etc/ez/watchdog.conf without that, say so, and five
# minutes later rest. Time is the machine's since its boot, so that a clock that jumps does no harm.
# /run/ez/idle tells everybody how it stands, /var/lib/ez/rested when and why it rested last.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
conf=${1:-/etc/ez/watchdog.conf}
now=/run/ez/watchdog
told=/run/ez/idle
lease=/var/lib/ez/lease
grace=300
youngest=900
umask 022
read -r minutes action _ <"$conf" || exit 0
mkdir -p "$now" /var/lib/ez
read -r uptime _ </proc/uptime
uptime=${uptime%.*}
processors=$(getconf _NPROCESSORS_ONLN)

# remembered NAME VALUE: what it was a minute ago, empty at first; VALUE is kept for the next time.
remembered() {
    cat "$now/$1" 2>/dev/null
    printf '%s\n' "$2" >"$now/$1"
}

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
        moved=$(awk 'FNR == NR { before[$1] = $2; next } { sum += $2 - before[$1] } END { print sum + 0 }' \
            "$now/sessions" "$now/sessions.new")
    fi
    mv "$now/sessions.new" "$now/sessions"
    [ "$moved" -gt 2000 ]
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

is_leased() {
    read -r until 2>/dev/null <"$lease" || return 1
    case "$until" in '' | *[!0-9]*) return 1 ;; esac
    [ "$(date +%s)" -lt "$until" ]
}

is_prepared() { [ -e /run/ez/prepare.lock ] && ! flock -s -n /run/ez/prepare.lock true; }

# All of them each time, since most compare with what was a minute ago.
reasons=
typed_at_login && reasons="$reasons login"
computes && reasons="$reasons processor"
transfers && reasons="$reasons network"
is_leased && reasons="$reasons lease"
is_prepared && reasons="$reasons preparation"
[ -n "$reasons" ] || ! computes_on_card || reasons=' card'

[ -e "$now/active" ] && [ -z "$reasons" ] || echo "$uptime" >"$now/active"
read -r active <"$now/active"
idle=$((uptime - active))

tell() {
    printf 'idle_seconds=%s\nreasons=%s\nstops_in=%s\nminutes=%s\naction=%s\n' \
        "$idle" "${reasons# }" "$1" "$minutes" "$action" >"$told.new" && mv "$told.new" "$told"
}

environments() { timeout 60 docker ps --quiet --filter label=ez.env 2>/dev/null; }

if [ "$idle" -lt $((minutes * 60)) ] || [ "$uptime" -lt "$youngest" ] ||
    { [ "$action" = suspend ] && [ -z "$(environments)" ]; }; then
    if [ -e "$now/announced" ]; then
        rm -f "$now/announced"
        echo 'ez: somebody works here again, so nothing stops' | wall 2>/dev/null
    fi
    tell ''
    exit 0
fi
if [ ! -e "$now/announced" ]; then
    echo "$uptime" >"$now/announced"
    what='the environments stop'
    [ "$action" = suspend ] || what='this machine turns itself off'
    echo "ez: nobody has worked here for $minutes minutes; in 5 minutes $what" | wall 2>/dev/null
fi
read -r announced <"$now/announced"
if [ $((uptime - announced)) -lt "$grace" ]; then
    tell $((grace - uptime + announced))
    exit 0
fi

tell 0
rm -f "$now/announced" "$now/active"
printf '%s %s after %s idle minutes\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$action" $((idle / 60)) >/var/lib/ez/rested
# Words, not one argument: containers.
containers=$(environments)
[ -z "$containers" ] || docker stop --time 30 $containers >/dev/null
[ "$action" = suspend ] || systemctl poweroff
