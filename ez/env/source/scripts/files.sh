# list_files LIST: say what stands at the paths of LIST (NUL after each, relative, checked by ez) and at the build
# files of the top: kind, mode, size and path, link targets, and the SHA-256 of regular files. A symbolic link is told
# and never followed, on the way neither.
list_files() {
    (cd "$tree" && find_starts <"$1" >"$work/starts" && find . -maxdepth 1 -name '*.envd' -print0 >>"$work/starts")
    if [ -s "$work/starts" ]; then
        (cd "$tree" && check_size && describe && hash_files)
    fi
}

# find_starts: of the paths on standard input, those that exist, or the first link on the way to them.
find_starts() {
    xargs -0 sh -c '
        for path do
            at=. rest=$path/
            while [ -n "$rest" ] && [ ! -L "$at" ]; do
                [ "${rest%%/*}" = . ] || at=$at/${rest%%/*}
                rest=${rest#*/}
            done
            if [ -e "$at" ] || [ -L "$at" ]; then printf "%s\0" "$at"; fi
        done' sh
}

# found ...: run find below each start, without the repo itself.
found() {
    xargs -0 sh -c '
        expression=$1
        shift
        case $expression in
            describe) find -P "$@" -path ./.git -prune -o \( -type f -o -type d -o -type l \) \
                -printf "entry %y %m %s %p\0target %l\0" ;;
            size) find -P "$@" -path ./.git -prune -o -type f -printf "%s\n" ;;
            names) find -P "$@" -path ./.git -prune -o -type f -print0 ;;
        esac' sh "$1" <"$work/starts"
}

check_size() {
    size=$(found size | awk '{ total += $1 } END { printf "%.0f", total }')
    awk "BEGIN { exit !($size > $(cat "$work/limit")) }" || return 0
    fail too-large "$size"
}

describe() { found describe; }

hash_files() {
    found names >"$work/names"
    if [ -s "$work/names" ]; then
        printf 'list hashes\0'
        xargs -0 sha256sum -z -- <"$work/names" || fail unreadable
        printf '\0'
    fi
}
