# Install extensions with an editor's server. $1: its program; the others are `publisher.name`, with a version after @.
# Prints `installed ID` or `failed ID REASON` for each that was not there. One that is there stays as it is.
set -u
program=$1
shift

list() { "$program" --list-extensions --accept-server-license-terms 2>/dev/null | tr '[:upper:]' '[:lower:]'; }

# is_in LIST ID
is_in() {
    printf '%s\n' "$1" | grep -qxF -e "$(printf '%s' "${2%@*}" | tr '[:upper:]' '[:lower:]')"
}

there=$(list)
missing=
for id in "$@"; do
    is_in "$there" "$id" || missing="$missing $id"
done
[ -n "$missing" ] || exit 0
# All at once: the program takes longer to start than most of them to install.
set --
for id in $missing; do set -- "$@" --install-extension "$id"; done
said=$(timeout 420 "$program" "$@" --accept-server-license-terms </dev/null 2>&1)
there=$(list)
for id in $missing; do
    if is_in "$there" "$id"; then
        echo "installed $id"
        continue
    fi
    why=$(printf '%s\n' "$said" | grep -v '^Failed Installing' | grep -iF -e "${id%@*}" | tail -n 1)
    echo "failed $id $(printf '%s\n' "${why:-$said}" | tail -n 1 | cut -c 1-200)"
done
