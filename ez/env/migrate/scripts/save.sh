# bundle what of a repo, as it was looked at last, is nowhere else: NAME PATH META SUB MODULE BORROWED [KEY...]
# Keys are those of notes that the person's own computer has, too; `any` for all that are here.
enter "$1" "$2" "$3" "$4" "$5" "$6"
shift 6
[ -n "$real" ] || fail gone
now=$(own_git rev-parse refs/ez/now)
# Of earlier looks nothing is left.
own_git prune --expire=now 2>/dev/null || :
say snapshot "$now"
head=$(real_git rev-parse -q --verify 'HEAD^{commit}' || :)
head_tree=$empty_tree
[ -z "$head" ] || head_tree=$(own_git rev-parse "$head^{tree}")
files=$(part "$now" work) staged=$(part "$now" staged)

# Both sides had it the last time: it is at home. So are the commits that both had.
: >"$work/home"
[ "${1-}" != any ] || set -- $(cd "$own/records" && ls)
for key in "$@"; do
    [ -f "$own/records/$key" ] && read -r _ record <"$own/records/$key" || continue
    if [ "$record" = "$now" ]; then
        say done yes
        exit 0
    fi
    own_git cat-file blob "$record:meta" 2>/dev/null | grep -oE '[0-9a-f]{40,64}' >>"$work/home" || :
done
if [ -z "$sub" ] && [ -e "$meta/state" ] && grep -qF "\"tree\": \"$files\"" "$meta/state" &&
    grep -qF "\"commit\": \"$head\"" "$meta/state"; then
    brought=yes
else
    brought=
fi
[ -z "$brought" ] || grep -oE '[0-9a-f]{40,64}' "$meta/state" >>"$work/home"
sort -u "$work/home" | own_git cat-file --batch-check='%(objecttype) %(objectname)' |
    sed -n 's/^commit /^/p' >"$work/known"

real_git for-each-ref --format='^%(objectname)' refs/remotes >"$work/remote"
real_git for-each-ref --format='%(objectname) %(refname)' refs/heads refs/notes refs/bisect refs/rewritten >"$work/names"
# Tags that came with a clone are packed, and their commits may be on no branch.
real_git for-each-ref --format='%(objectname) %(refname)' refs/tags | while read -r object name; do
    if [ ! -s "$work/remote" ] || [ -e "$common/$name" ]; then printf '%s %s\n' "$object" "$name"; fi
done >>"$work/names"
[ -z "$head" ] || printf '%s refs/ez/head\n' "$head" >>"$work/names"
if [ -f "$common/logs/refs/stash" ] && real_git rev-parse -q --verify refs/stash >/dev/null; then
    awk '{ found[NR] = $2 } END { for (n = NR; n > 0; n--) print found[n] " refs/ez/stash-" (NR - n + 1) }' \
        "$common/logs/refs/stash" >>"$work/names"
fi
{ cut -d ' ' -f 1 "$work/names"; cat "$work/remote" "$work/known"; } | sort -u >"$work/lines"
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
# keep TREE NAME WORDS: a commit in the bundle.
keep() { printf '%s refs/ez/%s\n' "$(own_git commit-tree -m "$3" ${head:+-p "$head"} "$1")" "$2" >>"$work/names"; }
keep "$files" files 'the files'
keep "$staged" staged 'what was staged'
keep "$now" all 'all that the repo was'
# What only an unfinished merge or rebase mentions.
own_git cat-file blob "$(part "$now" special)" | swapped |
    sed -n 's/^1[02][0-9]* \([0-9a-f]*\) [0-9]\t.*/100644 blob \1\t\1/p' | sort -u >"$work/blobs"
own_git ls-tree -r "$(part "$now" state)" | sed 's/^[^ ]* blob \([0-9a-f]*\)\t.*/\1/' | while read -r blob; do
    own_git cat-file blob "$blob" | grep -aoE '[0-9a-f]{40,64}' || :
done | sort -u | own_git cat-file --batch-check='%(objecttype) %(objectname)' >"$work/mentioned"
sed -n 's/^blob \(.*\)/100644 blob \1\t\1/p' "$work/mentioned" >>"$work/blobs"
sed -n 's|^commit \(.*\)|\1 refs/ez/mentioned/\1|p' "$work/mentioned" >>"$work/names"
[ ! -s "$work/blobs" ] || keep "$(sort -u "$work/blobs" | own_git mktree)" blobs 'what an unfinished merge mentions'
# Objects of LFS that saved pointers (git-lfs-pointer(5)) lead to: they may not be pushed either.
if [ -d "$common/lfs/objects" ]; then
    { cut -d ' ' -f 1 "$work/names"; cat "$work/remote"; } | own_git rev-list --objects --stdin | cut -d ' ' -f 1 |
        own_git cat-file --batch-check='%(objecttype) %(objectsize) %(objectname)' |
        awk '$1 == "blob" && $2 < 1024 { print $3 }' >"$work/small"
    own_git cat-file --batch <"$work/small" | sed -n 's/^oid sha256:\([0-9a-f]\{64\}\)$/\1/p' | sort -u |
        while read -r large; do
            file=$common/lfs/objects/$(printf %s "$large" | sed 's|\(..\)\(..\).*|\1/\2|')/$large
            if [ -f "$file" ] && [ ! -L "$file" ]; then
                printf '100644 blob %s\t%s\n' "$(own_git hash-object -w --no-filters "$file")" "$large"
            fi
        done >"$work/large"
    [ ! -s "$work/large" ] || keep "$(own_git mktree <"$work/large")" lfs 'objects of LFS'
fi

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
