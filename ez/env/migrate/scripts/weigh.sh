# say how much a look would have to store: NAME PATH META SUB MODULE BORROWED MOST
# MOST are bytes. Nothing is read but names and sizes. More than that, or more than the disk has room for, is refused.
enter "$1" "$2" "$3" "$4" "$5" "$6"
most=$7
if [ -z "$real" ]; then
    say done yes
    exit 0
fi
copy_index
# What an earlier look has stored counts no more.
if [ -f "$own/files.index" ]; then cp -p "$own/files.index" "$own/look.index"; fi
at "$own/look.index" update-index -q --refresh --ignore-submodules >/dev/null 2>&1 || :
{
    at "$own/look.index" diff-files -z --name-only --no-renames --ignore-submodules=all
    at "$own/look.index" ls-files -o -z --exclude-standard
} >"$work/names"
# What a name leads to is not asked.
(cd "$place" && xargs -0 -r stat -c '%s %n' -- 2>/dev/null) <"$work/names" >"$work/sizes" || :
bytes=$(awk '$1 ~ /^[0-9]+$/ { sum += $1 } END { printf "%.0f\n", sum }' "$work/sizes")
free=$(df -P -k "$own" | awk 'NR == 2 { printf "%.0f\n", $4 * 1024 }')
say bytes "$bytes"
if [ "$bytes" -gt "$most" ] || [ $((2 * bytes + 67108864)) -gt "$free" ]; then
    [ "$bytes" -gt "$most" ] && say heavy limit || say heavy disk
    sort -rn "$work/sizes" | head -n 3 | cut -d ' ' -f 2- | tr '\n' '\000' | say_list largest
fi
say done yes
