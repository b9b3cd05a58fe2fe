# make a carried work tree what the parcel says: NAME TREE-BEFORE TREE PACK(unpack|index|none) FORMAT
lock "$1"
base=$2 target=$3 how=$4 format=$5
if ! tree_is_there; then
    forget
    printf carry >"$meta/source"
    if [ "$format" = sha1 ]; then
        git init -q --template= -- "$tree"
    else
        git init -q --template= --object-format="$format" -- "$tree"
    fi
fi
come_from carry
use "$tree/.git"
[ -n "$base" ] || base=$empty_tree
[ ! -d "$meta/pending" ] || fail overtaken
[ "$(cat "$meta/state" 2>/dev/null)" = "$(cat "$work/expected")" ] || fail overtaken

case $how in
    unpack) shadow_git unpack-objects -q <"$work/pack" ;;
    index) shadow_git index-pack --stdin --fix-thin <"$work/pack" >"$work/packed" ;;
esac
rm -f "$work/pack"

# A commit is where history was cut off when a parent of it is not here.
if [ -s "$work/shallow" ] || [ -e "$shadow/shallow" ]; then
    cat "$work/shallow" "$shadow/shallow" 2>/dev/null | sort -u >"$work/edges"
    while read -r edge; do
        shadow_git cat-file commit "$edge" | sed -n '/^$/q; s/^parent //p' >"$work/parents"
        while read -r parent; do
            shadow_git cat-file -e "$parent" 2>/dev/null || { printf '%s\n' "$edge"; break; }
        done <"$work/parents"
    done <"$work/edges" >"$work/shallow.new"
    cp "$work/shallow.new" "$shadow/shallow"
fi
{
    awk '$2 !~ /^0+$/ { print $2 }' "$work/refs"
    cat "$work/index"
    printf '\n'
    real_git for-each-ref --format='^%(objectname)'
} | shadow_git rev-list --objects --stdin --quiet || fail incomplete

rehearse "$base" "$target" || fail conflict "$(head -n 5 "$work/conflict")"

rm -rf "$meta/pending.new"
mkdir "$meta/pending.new"
mv "$work/refs" "$work/head" "$work/index" "$work/settings.unset" "$work/settings.add" "$work/state" "$meta/pending.new"
printf '%s\n' "$base" >"$meta/pending.new/base"
printf '%s\n' "$target" >"$meta/pending.new/target"
if [ -e "$work/shallow.new" ]; then
    if [ -s "$work/shallow.new" ]; then cp "$work/shallow.new" "$real/shallow"; else rm -f "$real/shallow"; fi
fi
mv "$meta/pending.new" "$meta/pending"
advance
if [ -e "$work/wanted" ]; then
    list_files "$work/wanted"
fi
say path "$tree"
say done yes
