# write a file atomically
# $1 path, $2 mode in octal, $3 length in bytes; the contents come on stdin.
set -eu
path=$1 mode=$2 length=$3
case $path in
    /*) ;;
    *) path=./$path ;;
esac
directory=${path%/*}
mkdir -p -- "$directory/"
if [ -d "$path" ]; then
    echo "is a directory: $1" >&2
    exit 1
fi
umask 077
temporary=$(mktemp "$directory/.ez-put.XXXXXXXX")
trap 'rm -f -- "$temporary"' EXIT
# PIPE: after a lost link nobody reads the messages below.
trap 'exit 1' HUP INT TERM PIPE
cat > "$temporary"
# A link that drops looks like the end of stdin: half a file must never take the place of a whole one.
if [ "$(wc -c < "$temporary")" -ne "$length" ]; then
    echo "the contents did not arrive whole: $1" >&2
    exit 1
fi
chmod "$mode" "$temporary"
mv -f -- "$temporary" "$path"
