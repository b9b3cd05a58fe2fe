# In a container, as root: the paths of its shares. $1 uid:gid of its user, then pairs of a path and what it leads to;
# after `--` the volumes that the user may write. Says `ez-taken` and a path where something else is.
owner=$1
shift
failed=0

# Folders on the way to a path: in a home they are its owner's.
make_folder() {
    [ -z "$1" ] || [ -d "$1" ] && return
    make_folder "${1%/*}"
    mkdir "$1" || return
    [ "$(stat -c %u "${1%/*}/")" = 0 ] || chown "$owner" "$1"
}

while [ $# -gt 1 ] && [ "$1" != -- ]; do
    if [ "$(readlink "$1")" != "$2" ]; then
        make_folder "${1%/*}"
        [ ! -L "$1" ] || case "$(readlink "$1")" in /mnt/ez/*) rm -f "$1" ;; esac
        [ ! -d "$1" ] || [ -L "$1" ] || rmdir "$1" 2>/dev/null
        if [ -e "$1" ] || [ -L "$1" ] || ! ln -s "$2" "$1"; then
            printf 'ez-taken\n%s\n' "$1" >&2
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
