# How the shares of an environment are: $1 the environment, the rest their names; nobody has to be root for that.
# Prints `share NAME up|down|wait|login|missing SECONDS WHY`, the seconds since that began. A share that hangs is down;
# all are looked at together.
export LC_ALL=C
now=$(date +%s)
environment=$1
shift
look() {
    if read -r state since why 2>/dev/null <"/run/ez/shares/$environment.$1/state"; then
        if [ "$state" = up ] && ! timeout -s KILL 5 ls "/var/lib/ez/shares/$environment/$1" >/dev/null 2>&1; then
            state=down why='it does not answer'
        fi
        printf 'share %s %s %s %s\n' "$1" "$state" "$((now - since))" "$why"
    else
        printf 'share %s missing 0 \n' "$1"
    fi
}
for name in "$@"; do look "$name" & done
wait
