# Start a job unless one runs, and print its log until it ends. Runs as root; a job outlives this program and its link.
# $1: `start`, with the job as a tar archive on the input, or `follow`. Last line: `@@ez exit STATUS`, `died` for a job
# that left none (a reboot, a kill).
umask 077
job=/run/ez/prepare
lock=/run/ez/prepare.lock
mkdir -p /run/ez && chmod 755 /run/ez && touch "$lock" && chmod 644 "$lock" || exit 1
if [ "$1" = start ]; then
    exec 9>>"$lock"
    if flock -n 9; then
        rm -rf "$job" && mkdir "$job" && tar -x -f - -C "$job" || exit 1
        setsid nohup sh "$job/scripts/run.sh" "$job" </dev/null >"$job/log" 2>&1 &
    else
        cat >/dev/null
        echo 'another ez prepares this computer: waiting for it'
    fi
    exec 9>&-
fi
shown=0
ended=no
while :; do
    flock -s -n "$lock" true && ended=yes
    size=$(wc -c <"$job/log" 2>/dev/null) || size=0
    if [ "$size" -gt "$shown" ]; then
        tail -c +"$((shown + 1))" "$job/log" | head -c "$((size - shown))"
        shown=$size
    fi
    [ "$ended" = no ] || break
    sleep 0.3
done
printf '\n@@ez exit %s\n' "$(cat "$job/status" 2>/dev/null || echo died)"
