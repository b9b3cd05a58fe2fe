# Before shares are changed: $1 the environment, folders that this computer must have, `--`, and paths that must be free
# in the container where it runs. Prints `missing FOLDER` and `taken PATH`.
container=ez-$1
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    # Whether the engine sees it, which is root: a folder that this user may not enter is no missing one.
    [ -d "$1" ] || sudo -n test -d "$1" 2>/dev/null || printf 'missing %s\n' "$1"
    shift
done
[ $# -lt 2 ] && exit 0
shift
docker exec -u root "$container" sh -c '
for path in "$@"; do
    case "$(readlink "$path")" in /mnt/ez/*) continue ;; esac
    if [ -L "$path" ] || { [ -e "$path" ] && [ ! -d "$path" ]; } || [ -n "$(ls -A "$path" 2>/dev/null)" ]; then
        printf "taken %s\n" "$path"
    fi
done' ez "$@" 2>/dev/null
true
