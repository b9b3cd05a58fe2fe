# Enter the tmux session $1, made in the directory $2 where there is none. $3: a command line instead of a shell.
command -v tmux >/dev/null 2>&1 || exit 127
if [ -n "$3" ] && tmux has-session -t "=$1" 2>/dev/null; then
    echo "ez: the session \`$1\` is there already: enter it without a command, or name another with --session" >&2
    exit 1
fi
# A terminal that is not known here is one that most others are like.
infocmp "$TERM" >/dev/null 2>&1 || TERM=xterm-256color
export TERM
[ -d "$2" ] || set -- "$1" "$HOME" "$3"
if [ -n "$3" ]; then
    exec tmux -u new-session -A -D -s "$1" -c "$2" "$3"
fi
exec tmux -u new-session -A -D -s "$1" -c "$2"
