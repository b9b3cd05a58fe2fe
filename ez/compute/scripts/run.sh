# Run the steps of a job as root, in order, until one fails; go on where it was cut off. $1: the job's directory, which
# outlives a restart of the machine, $2: one that does not, for the log and for what is in the works, $3: where systemd's
# units are. The shell that runs this holds the lock on descriptor 9; what it starts must not inherit it.
umask 077
EZ_JOB=$1
EZ_RUN=$2
export EZ_JOB EZ_RUN
unit=$3/ez-prepare.service
separator=$(printf '\037')
read -r boot </proc/sys/kernel/random/boot_id || boot=unknown
most_restarts=2
most_falls=3

mkdir -p "$EZ_RUN" && : >"$EZ_RUN/begun"
[ -e "$EZ_RUN/log" ] || { cp "$EZ_JOB/log" "$EZ_RUN/log.before" && mv "$EZ_RUN/log.before" "$EZ_RUN/log"; } 2>/dev/null
exec >>"$EZ_RUN/log" 2>&1
rm -f "$EZ_RUN/status" "$EZ_RUN/reboot" "$EZ_RUN/updated"

# A line of its own, whatever a program printed last.
tell() {
    [ -z "$(tail -c 1 "$EZ_RUN/log" 9>&-)" ] || echo
    printf '@@ez %s\n' "$*"
}

# finish STATUS [waits]: what is left of a job that waits for a restart is kept for the next boot.
finish() {
    if [ -z "${2:-}" ]; then
        rm -f "$unit" "${unit%/*}/multi-user.target.wants/ez-prepare.service"
        rm -rf "$EZ_JOB/steps" "$EZ_JOB/position" "$EZ_JOB/settings"
    fi
    cp "$EZ_RUN/log" "$EZ_JOB/log" 2>/dev/null
    echo "$1" >"$EZ_RUN/status"
    exit 0
}

# keep_position NUMBER RESTARTS FALLS STATE: where to go on, how many restarts this step has asked for, how often the
# machine went down in it by itself, and `waits` where the next restart is one that was asked for. Too full a disk means
# going on from an earlier step, which does no harm.
keep_position() {
    { echo "$1 $2 $3 $4 $boot" >"$EZ_JOB/position.new" && mv "$EZ_JOB/position.new" "$EZ_JOB/position"; } 2>/dev/null
}

# part FILE [NUMBER]: a script of the job, with the arguments of that step: one a line, whatever it holds.
part() (
    file=$EZ_JOB/$1
    arguments=$EZ_JOB/arguments/${2:-none}
    set --
    if [ -e "$arguments" ]; then
        while IFS= read -r argument; do set -- "$@" "$argument"; done <"$arguments"
    fi
    exec sh "$file" "$@" </dev/null 3<&- 9>&-
)

# Whom a restart would disturb: containers and other people. Empty for nobody.
disturbed() {
    read -r policy user <"$EZ_JOB/restart"
    [ "$policy" = now ] || { echo 'this computer is never restarted by ez'; return; }
    running=$(timeout 15 docker ps --quiet 2>/dev/null | wc -l)
    [ "$running" = 0 ] || { echo "containers run there: $running"; return; }
    others=$(who 2>/dev/null | cut -d ' ' -f 1 | grep -vxF -e "$user" -e root | sort -u | tr '\n' ' ')
    [ -z "$others" ] || echo "others are logged in: ${others% }"
}

restart() {
    read -r why <"$EZ_RUN/reboot"
    if [ "$asked_before" -ge "$most_restarts" ]; then
        tell error "restarted $asked_before times, and it is still needed: $why"
        tell there 'sudo journalctl -b -p warning'
        finish 1
    fi
    keep_position "$asked" $((asked_before + 1)) 0 waits
    hindrance=$(disturbed 9>&-)
    if [ -n "$hindrance" ]; then
        tell restart-needed "$why ($hindrance)"
        finish waits waits
    fi
    tell restart "$boot $why"
    cp "$EZ_RUN/log" "$EZ_JOB/log" 2>/dev/null
    echo restarting >"$EZ_RUN/status"
    sync
    # So that who follows the log reads the lines above before the link ends.
    sleep 1
    systemctl reboot >"$EZ_RUN/reboot.log" 2>&1 9>&- || reboot >>"$EZ_RUN/reboot.log" 2>&1 9>&- || {
        cat "$EZ_RUN/reboot.log"
        tell error 'the machine cannot be restarted'
        tell there 'sudo systemctl reboot'
        finish 1 waits
    }
    exit 0
}

first=1
restarts=0
falls=0
asked=
if [ -s "$EZ_JOB/position" ]; then
    read -r first restarts falls state before <"$EZ_JOB/position"
    case "$state $before" in
    "waits $boot") restarts=$((restarts - 1)) ;;
    waits* | *" $boot") ;;
    *) falls=$((falls + 1)) ;;
    esac
    if [ "$before" != "$boot" ]; then
        tell note 'going on after a restart of the machine'
        timeout 60 systemctl is-system-running --wait >/dev/null 2>&1 9>&-
    else
        tell note 'going on where the work was cut off'
    fi
    if [ "$falls" -gt "$most_falls" ]; then
        tell error 'the machine keeps going down in the middle of this'
        tell there 'sudo journalctl -b -1 -n 50'
        finish 1
    fi
    part scripts/repair.sh || tell note 'an installation that was cut off could not be finished'
fi

number=0
status=0
while IFS="$separator" read -r id title reboots script <&3; do
    number=$((number + 1))
    [ "$number" -ge "$first" ] || continue
    [ -z "$asked" ] || [ "$reboots" = yes ] || restart
    [ "$number" = "$first" ] || restarts=0 falls=0
    keep_position "$number" "$restarts" "$falls" works
    tell start "$id" "$title"
    if [ -e "$EZ_JOB/checks/$id" ] && part "checks/$id" "$number" >/dev/null 2>&1; then
        tell skip "$id"
        continue
    fi
    part "scripts/$script" "$number"
    status=$?
    if [ -e "$EZ_RUN/reboot" ] && { [ "$status" = 0 ] || [ -n "$asked" ]; }; then
        # What fails beside a step that waits for a restart is tried again after it.
        [ -n "$asked" ] || { asked=$number asked_before=$restarts; }
        status=0
        tell end "$id" restart
        continue
    fi
    if [ "$status" = 0 ] && [ -e "$EZ_JOB/verifies/$id" ] && ! part "verifies/$id" "$number"; then
        tell error 'it was done, and it did not work'
        status=1
    fi
    tell end "$id" "$status"
    [ "$status" = 0 ] || break
done 3<"$EZ_JOB/steps"
[ -z "$asked" ] || restart
finish "$status"
