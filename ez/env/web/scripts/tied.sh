# Run a program, "$@", that ends with whoever holds the other end of standard input, however that one ends. Signals that
# end this shell end the program too; its exit code is the program's.
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
trap 'kill "$program" 2>/dev/null' TERM INT HUP
{
    read -r _ <&3
    kill "$program" 2>/dev/null
} &
watcher=$!
exec 3<&-
wait "$program"
code=$?
# After a signal the program may still be ending.
wait "$program" 2>/dev/null
kill "$watcher" 2>/dev/null
exit "$code"
