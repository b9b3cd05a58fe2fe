# Install extensions with an editor's server. $1: its program; the others are `publisher.name`, with a version after @.
# Prints `installed ID` or `failed ID REASON` for each that was not there. One that is there stays as it is.
set -u
program=$1
shift
there=$("$program" --list-extensions --accept-server-license-terms 2>/dev/null | tr '[:upper:]' '[:lower:]')
for id in "$@"; do
    plain=$(printf '%s' "${id%@*}" | tr '[:upper:]' '[:lower:]')
    if printf '%s\n' "$there" | grep -qxF -e "$plain"; then continue; fi
    if said=$("$program" --install-extension "$id" --accept-server-license-terms </dev/null 2>&1); then
        echo "installed $id"
    else
        echo "failed $id $(printf '%s' "$said" | tail -n 1 | cut -c 1-200)"
    fi
done
