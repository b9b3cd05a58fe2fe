# The machine settings of an editor's server. $1: their directory below the home. $2: `read` prints ez's note as one line
# and the file after it; `write` takes the same from standard input. A link, which leads to somebody's own file, is none.
set -u
umask 077
file=$HOME/$1/settings.json
note=$HOME/$1/.ez-settings.json

if [ "$2" = read ]; then
    if [ -f "$note" ]; then head -n 1 "$note"; else echo; fi
    if [ -L "$file" ] || { [ -e "$file" ] && [ ! -f "$file" ]; }; then echo '// no plain file'; fi
    if [ -f "$file" ]; then head -c 2000000 "$file"; fi
    exit 0
fi
mkdir -p "$HOME/$1" && work=$(mktemp -d "$HOME/$1/.new.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cat >"$work/all" && head -n 1 "$work/all" >"$work/note" && tail -n +2 "$work/all" >"$work/settings.json" || exit 1
# What the file has and the note has not is somebody's own, and stays; the other way round it would not be written again.
mv -f "$work/settings.json" "$file" && mv -f "$work/note" "$note"
