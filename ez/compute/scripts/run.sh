# Run the steps of a job as root, in order, until one fails. $1: the job's directory.
# The shell that runs this holds the lock on descriptor 9; what it starts must not inherit it.
EZ_JOB=$1
export EZ_JOB
separator=$(printf '\037')
status=0
while IFS="$separator" read -r id title script arguments; do
    printf '@@ez start %s %s\n' "$id" "$title"
    (
        set -f
        IFS=$separator
        # Split at the separator only: each argument is one word whatever it holds.
        set -- $arguments
        unset IFS
        exec sh "$EZ_JOB/scripts/$script" "$@"
    ) 9>&- </dev/null
    status=$?
    printf '@@ez end %s %s\n' "$id" "$status"
    [ "$status" = 0 ] || break
done <"$EZ_JOB/steps"
rm -rf "$EZ_JOB/settings"
echo "$status" >"$EZ_JOB/status"
