# Start a job unless one runs, or go on with one that was cut off, and print its log until it ends. Runs as root; a job
# outlives this program and its link. $1: `start`, with the job as a tar archive on the input, or `follow`. $2: the
# first line of the log to print. $3: the job's directory, which outlives a restart of the machine, $4: one that does
# not, $5: where systemd's units are. Last line: `@@ez exit STATUS`, `died` for a job that left none.
umask 077
# By this mark ez ends a command with all that it started; the job is to go on.
unset EZ_COMMAND
job=$3
run=$4
units=$5
lock=$run.lock
mkdir -p "${job%/*}" "${run%/*}" && chmod 755 "${job%/*}" "${run%/*}" && touch "$lock" && chmod 644 "$lock" || exit 1

# At the next boot the job goes on from where it is, whatever ends it before. Nothing is reloaded: systemd reads the
# unit when it starts, and a reload would take GPUs away from containers that run.
keep_for_next_boot() {
    [ -d "$units" ] || return 0
    mkdir -p "$units/multi-user.target.wants"
    cat >"$units/ez-prepare.service" <<END || return 1
[Unit]
Description=Go on with what ez does to make this machine ready
Wants=network-online.target
After=network-online.target
ConditionPathExists=$job/steps
[Service]
Type=simple
ExecStart=/bin/sh -c 'mkdir -p -m 755 ${run%/*}; exec 9>>$lock; chmod 644 $lock; flock -n 9 || exit 0; exec sh $job/scripts/run.sh $job $run $units'
END
    chmod 644 "$units/ez-prepare.service"
    ln -sf ../ez-prepare.service "$units/multi-user.target.wants/ez-prepare.service"
}

unpack() {
    rm -rf "$job.new" && mkdir "$job.new" && tar -x -f - -C "$job.new" && rm -rf "$job" "$run" && mv "$job.new" "$job" &&
        keep_for_next_boot
}

# Apart from the session that asked for it, which logind may end with all that runs in it.
begin() {
    setsid nohup sh -c '
        [ ! -d /run/systemd/system ] ||
            systemd-run --quiet --collect --scope --slice=system.slice sh "$1/scripts/run.sh" "$@"
        [ -e "$2/begun" ] || exec sh "$1/scripts/run.sh" "$@"
    ' ez-prepare "$job" "$run" "$units" </dev/null >/dev/null 2>&1 &
}

exec 9>>"$lock"
if ! flock -n 9; then
    [ "$1" = follow ] || cat >/dev/null
    echo '@@ez busy another ez prepares this computer: waiting for it'
elif [ "$1" = start ]; then
    unpack || { rm -rf "$job.new"; exit 1; }
    begin
elif [ -s "$job/steps" ]; then
    rm -f "$run/begun"
    begin
fi
exec 9>&-

# The lines that were printed before are passed over, once a job that goes on has them there.
passed=$(($2 - 1))
shown=0
ended=no
while :; do
    flock -s -n "$lock" true && ended=yes
    if [ "$passed" -gt 0 ]; then
        if [ "$(wc -l 2>/dev/null <"$run/log" || echo 0)" -ge "$passed" ]; then
            shown=$(head -n "$passed" "$run/log" | wc -c)
        elif [ "$ended" = no ]; then
            sleep 0.3
            continue
        fi
        passed=0
    fi
    size=$(wc -c 2>/dev/null <"$run/log") || size=0
    if [ "$size" -gt "$shown" ]; then
        tail -c +"$((shown + 1))" "$run/log" | head -c "$((size - shown))"
        shown=$size
    fi
    [ "$ended" = no ] || break
    sleep 0.3
done
[ -z "$(tail -c 1 "$run/log" 2>/dev/null)" ] || echo
printf '@@ez exit %s\n' "$(cat "$run/status" 2>/dev/null || echo died)"
