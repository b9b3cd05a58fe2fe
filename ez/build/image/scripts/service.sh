#!/bin/sh
# Run one service as the user envd. $1: `once`, or `always` to start it again whenever it fails. $2: the program.
# $3, $4: ids of the user. $5: the log. Told to stop, it gives the service 7 seconds.

set -u

manner=$1
program=$2
uid=$3
gid=$4
log=$5
name=${program##*/}
child=

main() {
    trap stop TERM INT
    delay=1
    while :; do
        began=$(date +%s)
        run
        if [ "$status" -eq 0 ] || [ "$manner" = once ]; then
            note "$name ended with status $status"
            exit "$status"
        fi
        [ $(($(date +%s) - began)) -lt 60 ] || delay=1
        note "$name ended with status $status and is started again in $delay s"
        sleep "$delay" &
        wait "$!"
        delay=$((delay * 2 > 30 ? 30 : delay * 2))
    done
}

# In a session of its own, so that everything it starts is stopped with it.
run() {
    setsid setpriv --reuid "$uid" --regid "$gid" --init-groups \
        env HOME=/home/envd USER=envd LOGNAME=envd SSH_AUTH_SOCK=/run/ez/agent.sock \
        sh -c '[ ! -r "$1" ] || . "$1"; exec "$2"' sh /run/secrets/.variables "$program" </dev/null >>"$log" 2>&1 &
    child=$!
    wait "$child"
    status=$?
}

note() {
    echo "$(date -u +%FT%TZ) ez: $1" >>"$log"
}

stop() {
    trap '' TERM INT
    [ -n "$child" ] || exit 0
    kill -s TERM -- "-$child" 2>/dev/null
    {
        sleep 7
        kill -s KILL -- "-$child" 2>/dev/null
    } &
    wait "$child"
    # What the service left behind.
    kill -s KILL -- "-$child" 2>/dev/null
    exit 0
}

main
