# save on this computer what of each environment is nowhere else, before it rests: PLACE SECONDS
# As the login user, in the folder of the programs that it calls. Bundles go to PLACE; a phrase for each of them, and for
# each environment that could not be looked at, is printed. At most SECONDS, about; of an environment five are kept.
place=$1 ends=$(($(date +%s) + $2)) time=$(date -u +%Y%m%dT%H%M%SZ)
here=$(cd "$(dirname "$0")" && pwd) || exit 1
parcel=$(cat "$here/parcel")
most=2147483648
kept=5
umask 077
rm -rf "$place"/.work.*
temporary=$(mktemp -d "$place/.work.XXXXXX") || exit 1
trap 'rm -rf "$temporary"' EXIT

# Records, one a line; a line end in one is \001.
lines() { tr '\n\000' '\001\n' <"$temporary/reply"; }
value() { lines | sed -n "s/^$1 //p" | head -n 1; }

# ask PROGRAM ARGUMENT...: false where it could not; `why` says that in a few words.
ask() {
    asked=$1
    shift
    left=$((ends - $(date +%s)))
    why='no time was left'
    [ "$left" -gt 0 ] || return 1
    timeout -k 5 "$left" nice sh "$here/$asked" "$parcel" "$environment" '' '' "$sub" '' '' "$@" \
        </dev/null >"$temporary/reply" 2>"$temporary/errors" && return
    [ $? != 124 ] || return 1
    why=$(value failed)
    [ -n "$why" ] || why=$(tail -n 1 "$temporary/errors" | tr -cd '[:print:]' | cut -c 1-120)
    return 1
}

failed() { printf '%s: not saved, %s\n' "$environment${sub:+ $sub}" "${why:-it cannot be read}"; }

# keep_repo SUB DEPTH: a repo, then those inside it.
keep_repo() {
    sub=$1
    ask weigh "$most" || { failed; return; }
    if [ -n "$(value heavy)" ]; then
        why="too much: $(value bytes) bytes of files that Git has not"
        failed
        return
    fi
    ask look none || { failed; return; }
    [ "$(value repo)" = here ] || return
    lines | awk '/^list (modules|nested)$/ { on = 1; next } /^$/ { on = 0 } on' | sed 's|/$||' >"$temporary/inside.$2"
    ask save any || { failed; return; }
    [ -z "$(value size)" ] || store
    [ "$2" -lt 5 ] || return
    while IFS= read -r inside; do
        keep_repo "${1:+$1/}$(printf %s "$inside" | tr '\001' '\n')" $(($2 + 1))
    done <"$temporary/inside.$2"
}

store() {
    size=$(value size) mark=$(value snapshot).$(value commits)
    known=$place/.$environment.$(printf %s "$sub" | cksum | tr ' ' -)
    { read -r before && read -r file; } 2>/dev/null <"$known" || before=
    if [ "$before" != "$mark" ] || [ ! -f "$place/$file" ]; then
        free=$(df -P -k "$place" | awk 'NR == 2 { print $4 }')
        why='the disk is full'
        [ $((size / 1024 + 65536)) -lt "$free" ] || { failed; return; }
        number=$((number + 1)) file=$environment.$time.$number.bundle
        if ! ask send 0 "$size" || [ "$(wc -c <"$temporary/reply")" -ne "$size" ]; then
            failed
            return
        fi
        mv "$temporary/reply" "$place/$file" || { failed; return; }
        printf '%s\n%s\n' "$mark" "$file" >"$known"
    fi
    printf '%s: %s\n' "$environment${sub:+ $sub}" "$place/$file"
}

for source in "$HOME"/ez/.ez/.source/*/source; do
    [ -f "$source" ] || continue
    environment=$(basename "$(dirname "$source")") number=0
    case $environment in *[!a-z0-9-]*) continue ;; esac
    keep_repo '' 0
    for old in $(ls -1 "$place" | sed -n "s/^$environment\.\([0-9TZ]*\)\.[0-9]*\.bundle$/\1/p" | sort -ru | tail -n "+$((kept + 1))"); do
        rm -f "$place/$environment.$old."*.bundle
        printf '%s: what was saved at %s made room\n' "$environment" "$old"
    done
done
