# In a container, as root: the paths of its shares. $1 uid:gid of its user, then pairs of a path and what it leads to;
# after `--` the volumes that the user may write. Prints a path where something else is.
owner=$1
shift
failed=0
while [ $# -gt 1 ] && [ "$1" != -- ]; do
    if [ "$(readlink "$1")" != "$2" ]; then
        parent=${1%/*}
        mkdir -p "${parent:-/}"
        [ ! -L "$1" ] || case "$(readlink "$1")" in /mnt/ez/*) rm -f "$1" ;; esac
        [ ! -d "$1" ] || [ -L "$1" ] || rmdir "$1" 2>/dev/null
        if [ -e "$1" ] || [ -L "$1" ] || ! ln -s "$2" "$1"; then
            printf 'ez-taken %s\n' "$1" >&2
            failed=1
        fi
    fi
    shift 2
done
[ $# = 0 ] || shift
for volume in "$@"; do
    # A volume that was made just now is root's.
    [ "$(stat -c %u "$volume")" != 0 ] || [ -n "$(ls -A "$volume")" ] || chown "$owner" "$volume"
done
exit "$failed"
