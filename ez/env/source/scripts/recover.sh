# take up the move of a work tree that was killed: NAME
lock "$1"
use "$tree/.git"
[ -d "$meta/pending" ] || fail busy
begin
if [ -e "$work/write" ]; then
    target=$(cat "$meta/pending/target")
    if [ -s "$work/keep" ]; then
        kept=$meta/kept/$(date -u +%Y%m%dT%H%M%SZ)
        mkdir -p "$kept"
        (cd "$tree" && KEPT="$kept" xargs -0 sh -c '
            for path do
                mkdir -p "$KEPT/${path%/*}"
                mv -f "$path" "$KEPT/$path"
            done' sh <"$work/keep")
        say kept "$kept"
    fi
    if [ -s "$work/drop" ]; then
        (cd "$tree" && xargs -0 rm -f <"$work/drop")
    fi
    index_git "$work/target.index" read-tree "$target"
    index_git "$work/target.index" checkout-index -q -u -z --stdin <"$work/write" || :
    refresh "$work/target.index"
    mv -f "$work/target.index" "$shadow/index"
fi
finish
say done yes
