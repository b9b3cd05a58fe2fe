# The archive of a tool, once downloaded for all projects of a computer, and checked each time: $archive, $version.
#
# $1: its name, as in the setting mirrors.NAME. $2: upstream's address. $3 $4: path and SHA-256 for amd64. $5 $6: the
# same for arm64; an empty sum is looked up in $7 or $8: upstream's list of checksums for each. The rest is the tool's.

set -eu

tool=$1
upstream=$2
case $(uname -m) in
    x86_64) path=$3 sum=$4 sums=$7 ;;
    aarch64 | arm64) path=$5 sum=$6 sums=$8 ;;
    *)
        echo "ez: $tool is not published for $(uname -m)" >&2
        exit 1
        ;;
esac
shift 8

get_archive() {
    mirror=$(mirror_of "$tool")
    base=${mirror:-$upstream}
    base=${base%/}
    mkdir -p "$EZ_DOWNLOADS/$tool"
    work_below "$EZ_DOWNLOADS"
    by="ez"
    [ -n "$sum" ] || look_up_sum
    archive=$EZ_DOWNLOADS/$tool/$sum
    if [ "$(sum_of "$archive")" != "$sum" ]; then
        fetch "$base/$path" "$work/archive" "$tool"
        found=$(sum_of "$work/archive")
        if [ "$found" != "$sum" ]; then
            echo "ez: got $(shown "$base/$path") with the SHA-256 $found" >&2
            echo "ez: bad checksum of ${path##*/}: $by has $sum" >&2
            exit 1
        fi
        mv -f "$work/archive" "$archive"
    fi
}

# What is built for the GNU C library alone, or brings what is, cannot run with another one.
need_library() {
    case $tool in
        julia | micromamba | nodejs | rust | uv) ;;
        *) return 0 ;;
    esac
    for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
        [ ! -e "$loader" ] || return 0
    done
    echo "ez: $tool is published for the GNU C library alone; use a base image of Debian, Ubuntu or Fedora" >&2
    exit 1
}

sum_of() {
    [ ! -f "$1" ] || sha256sum "$1" | cut -c 1-64
}

# A list of sums and names, a sum alone, or GitHub's description of a release.
look_up_sum() {
    case $sums in
        *://*) [ -z "$mirror" ] || sums=$base/$path.sha256 ;;
        *) sums=$base/$sums ;;
    esac
    by=$(shown "$sums")
    fetch "$sums" "$work/sums" "$tool"
    name=$(printf '%s' "${path##*/}" | sed 's/[][\.*^$]/\\&/g')
    sum=$(sed -n "s/^\([0-9a-fA-F]\{64\}\)\([[:space:]]\{1,\}\([^[:space:]]*[*\/]\)\{0,1\}$name\)\{0,1\}[[:space:]]*\$/\1/p" "$work/sums" |
        head -n 1)
    [ -n "$sum" ] || sum=$(tr ',{}' '\n\n\n' <"$work/sums" |
        sed -n '/"name": *"'"$name"'"/,/"digest"/s/.*"digest": *"sha256:\([0-9a-f]\{64\}\)".*/\1/p' | head -n 1)
    sum=$(printf '%s' "$sum" | tr A-F a-f)
    if [ -z "$sum" ]; then
        echo "ez: $by has no checksum of ${path##*/}" >&2
        exit 1
    fi
}

need_library
get_archive
