# end a command and everything it started
# $1 is the mark in their environment. sshd forwards no signals to what root runs, so they are looked up here.
marked() { grep -ls -- "EZ_COMMAND=$1" /proc/[0-9]*/environ | tr -dc '0-9\n'; }
for process in $(marked "$1"); do kill -TERM "$process" 2>/dev/null; done
for moment in 1 2 3 4 5 6 7 8 9 10; do
    [ -n "$(marked "$1")" ] || exit 0
    sleep 0.2
done
for process in $(marked "$1"); do kill -KILL "$process" 2>/dev/null; done
exit 0
