# bundle what of a repo, as it was looked at last, is nowhere else: NAME PATH META SUB MODULE BORROWED
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || fail gone
now=$(own_git rev-parse refs/ez/now)
head=$(real_git rev-parse -q --verify 'HEAD^{commit}' || :)
head_tree=$empty_tree
[ -z "$head" ] || head_tree=$(own_git rev-parse "$head^{tree}")
files=$(part "$now" work) staged=$(part "$now" staged)

# Both sides had it the last time: it is at home.
if grep -q " $now\$" "$own"/records/* 2>/dev/null; then
    say done yes
    exit 0
fi
if [ -z "$sub" ] && [ -e "$meta/state" ] && grep -qF "\"tree\": \"$files\"" "$meta/state" &&
    grep -qF "\"commit\": \"$head\"" "$meta/state"; then
    brought=yes
else
    brought=
fi
real_git for-each-ref --format='%(objectname) %(refname)' refs/heads >"$work/names"
[ -z "$head" ] || printf '%s refs/ez/head\n' "$head" >>"$work/names"
if [ -f "$common/logs/refs/stash" ] && real_git rev-parse -q --verify refs/stash >/dev/null; then
    awk '{ found[NR] = $2 } END { for (n = NR; n > 0; n--) print found[n] " refs/ez/stash-" (NR - n + 1) }' \
        "$common/logs/refs/stash" >>"$work/names"
fi
real_git for-each-ref --format='^%(objectname)' refs/remotes >"$work/remote"
[ -z "$brought" ] || grep -oE '[0-9a-f]{40,64}' "$meta/state" | sort -u |
    own_git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^commit /^/p' >>"$work/remote"
{ cut -d ' ' -f 1 "$work/names"; cat "$work/remote"; } | sort -u >"$work/lines"
own_git rev-list --stdin --count <"$work/lines" >"$work/count"
read -r commits <"$work/count"
own_git diff-tree -r --name-only --no-renames -z "$head_tree" "$files" | tr -cd '\000' | wc -c >"$work/count"
read -r changes <"$work/count"
[ "$staged" = "$head_tree" ] || [ "$changes" -gt 0 ] || changes=1
[ -z "$brought" ] || changes=0
if [ "$commits" = 0 ] && [ "$changes" = 0 ]; then
    say done yes
    exit 0
fi
export GIT_AUTHOR_NAME=ez GIT_AUTHOR_EMAIL=ez@localhost GIT_AUTHOR_DATE='@0 +0000' GIT_COMMITTER_DATE='@0 +0000'
printf '%s refs/ez/files\n' "$(own_git commit-tree -m 'the files' ${head:+-p "$head"} "$files")" >>"$work/names"
printf '%s refs/ez/staged\n' "$(own_git commit-tree -m 'what was staged' ${head:+-p "$head"} "$staged")" >>"$work/names"

# In a Git directory that has nothing but these names, so that the bundle has no others.
saving=$own/saving
rm -rf "$saving"
mkdir -p "$saving/refs" "$saving/objects/info"
cp "$own/config" "$own/HEAD" "$saving/"
[ ! -f "$own/shallow" ] || cp "$own/shallow" "$saving/"
{ echo "$own/objects"; cat "$own/objects/info/alternates"; } >"$saving/objects/info/alternates"
sed 's/^\([0-9a-f]*\) \(.*\)/create \2 \1/' "$work/names" >"$work/creates"
# shellcheck disable=SC2086
GIT_DIR="$saving" git $safe update-ref --stdin <"$work/creates"
# shellcheck disable=SC2086
{ cut -d ' ' -f 2 "$work/names"; cat "$work/remote"; } | GIT_DIR="$saving" git $safe bundle create -q "$own/pack" --stdin
rm -rf "$saving"
say commits "$commits"
say changes "$changes"
say size "$(wc -c <"$own/pack" | tr -d ' ')"
say done yes
