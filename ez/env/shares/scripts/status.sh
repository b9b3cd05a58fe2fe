# How the shares of an environment are: $1 the environment, the rest their names; nobody has to be root for that.
# Prints `share NAME up|down|wait|login|missing SECONDS WHY`, the seconds since that began. A share that hangs is down.
export LC_ALL=C
now=$(date +%s)
environment=$1
shift
for name in "$@"; do
    place=/var/lib/ez/shares/$environment/$name
    if read -r state since why 2>/dev/null <"/run/ez/shares/$environment.$name/state"; then
        if [ "$state" = up ] && ! timeout -s KILL 5 ls "$place" >/dev/null 2>&1; then
            state=down why='it does not answer'
        fi
        printf 'share %s %s %s %s\n' "$name" "$state" "$((now - since))" "$why"
    else
        printf 'share %s missing 0 \n' "$name"
    fi
done
