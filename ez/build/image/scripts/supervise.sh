#!/bin/sh
# Run the environment's services until told to stop: every init_* once, side by side, then all others for good.
# $1, $2: ids of the user. $3: the work directory. $4: the directory of the logs.

set -u

uid=$1
gid=$2
workdir=$3
log=$4
library=/usr/local/lib/ez
largest=5000000

main() {
    running=
    trap stop TERM INT
    cd "$workdir" 2>/dev/null || cd /
    start once
    failed=
    for pid in $running; do
        wait "$pid" || failed=1
    done
    running=
    if [ -z "$failed" ]; then
        start always
    else
        refuse_daemons
    fi
    while :; do
        sleep 10 &
        wait "$!"
        shorten_logs
    done
}

# Start every service that is run in the manner $1: `once` those of runtime.init, `always` the others.
start() {
    for program in "$library/services"/*; do
        is_run "$1" || continue
        name=${program##*/}
        : >>"$log/$name.log"
        chown "$uid:$gid" "$log/$name.log"
        "$library/service" "$1" "$program" "$uid" "$gid" "$log/$name.log" &
        running="$running $!"
    done
}

is_run() {
    [ -x "$program" ] || return 1
    case ${program##*/} in
        init_*) [ "$1" = once ] ;;
        *) [ "$1" = always ] ;;
    esac
}

refuse_daemons() {
    for program in "$library/services"/*; do
        is_run always || continue
        name=${program##*/}
        echo "$(date -u +%FT%TZ) ez: $name is not started, since a script of runtime.init failed" >>"$log/$name.log"
    done
}

# Keep one older part of a log that has grown. Services append, so they go on writing at the start.
shorten_logs() {
    for file in "$log"/*.log; do
        [ -f "$file" ] || continue
        if [ "$(wc -c <"$file")" -gt "$largest" ]; then
            cp "$file" "$file.1"
            : >"$file"
        fi
    done
}

stop() {
    trap '' TERM INT
    for pid in $running; do
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in $running; do
        wait "$pid"
    done
    exit 0
}

main
