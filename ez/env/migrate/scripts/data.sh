# read or replace a volume's or cache's directory whole, as root: $1 look, send, receive, commit or drop; $2 the
# directory, with a parent that is ez's or the engine's own; $3 the login user's id here, or nobody's. What comes is put beside, as
# `.ez-new`, and takes its place once it is known to be all of it.
set -u
verb=$1 directory=$2 login=$3
fresh=$(dirname "$directory")/.ez-new.$(basename "$directory") old=$(dirname "$directory")/.ez-old.$(basename "$directory")
export LC_ALL=C
attributes='--xattrs --xattrs-include=user.* --xattrs-include=security.capability'
fail() { printf 'ez-data %s\n' "$1" >&2; exit 20; }

# Names, kinds, modes, owners, sizes, times and what links lead to; the login user counts as the same everywhere.
print_of() {
    find "$1" ! -type s \( -uid "$login" -printf 'login ' -o -printf '%U ' \) \( -gid "$login" -printf 'login ' -o -printf '%G ' \) \
        \( -type d -printf '%P\t%y %m %T@\0' -o -printf '%P\t%y %m %n %s %T@ %l\0' \) | sort -z | sha256sum | cut -d ' ' -f 1
}

# A run that was killed between the two names of a swap.
[ -e "$directory" ] || [ ! -d "$old" ] || mv "$old" "$directory"
case $verb in
    look)
        [ ! -L "$directory" ] || fail link
        rm -rf "$fresh"
        [ ! -d "$directory" ] || rm -rf "$old"
        if [ ! -d "$directory" ] || [ -z "$(ls -A "$directory")" ]; then
            echo empty
            exit 0
        fi
        printf 'print %s\n' "$(print_of "$directory")"
        printf 'bytes %s\n' "$(find "$directory" -type f -printf '%k\n' | awk '{ sum += $1 } END { printf "%.0f", sum * 1024 }')"
        # Programs that run as somebody else, and devices: not for a person's own computer.
        [ -z "$(find "$directory" \( -type b -o -type c -o -type f -perm /6000 \) -print | head -n 1)" ] || echo risky
        ;;
    send)
        # A file that changes meanwhile is found by what the other side has then.
        # shellcheck disable=SC2086
        tar -c --format=posix --sparse --numeric-owner $attributes -f - -C "$directory" . || [ $? = 1 ]
        ;;
    receive)
        free=$(df -P -k "$(dirname "$directory")" | awk 'NR == 2 { print $4 }')
        [ $(($4 / 1024 + 65536)) -lt "$free" ] || fail full
        rm -rf "$fresh"
        mkdir -m 700 "$fresh" || exit 1
        trap 'rm -rf "$fresh"' EXIT
        trap 'exit 1' HUP INT TERM PIPE
        # shellcheck disable=SC2086
        tar -x -p --same-owner --numeric-owner $attributes --delay-directory-restore -f - -C "$fresh" || exit 1
        # What the login user there had is the login user's here.
        if [ "$5" != "$login" ]; then
            find "$fresh" -uid "$5" -exec chown -h "$login" {} +
            find "$fresh" -gid "$5" -exec chgrp -h "$login" {} +
        fi
        trap - EXIT
        ;;
    commit)
        # $4 what came has to be, $5 what is there has to be still, empty for nothing.
        if [ "$(print_of "$fresh")" != "$4" ]; then
            rm -rf "$fresh"
            fail torn
        fi
        now=
        [ ! -d "$directory" ] || [ -z "$(ls -A "$directory")" ] || now=$(print_of "$directory")
        if [ "$now" != "$5" ]; then
            rm -rf "$fresh"
            fail changed
        fi
        [ ! -d "$directory" ] || mv -T "$directory" "$old" || exit 1
        mv -T "$fresh" "$directory" && rm -rf "$old"
        ;;
    drop) rm -rf "$fresh" ;;
esac
