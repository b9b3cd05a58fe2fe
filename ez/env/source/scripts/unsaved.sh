# say what of a work tree is nowhere else: NAME
lock "$1"
if ! tree_is_there; then
    say done yes
    exit 0
fi
use "$tree/.git"
head=$(real_git rev-parse -q --verify 'HEAD^{commit}' || :)
{
    printf '%s\n' "$head"
    real_git for-each-ref --format='%(objectname)' refs/heads refs/stash
} >"$work/tips"
if [ "$(cat "$meta/source")" = carry ] && [ -e "$shadow/index" ]; then
    # What was carried here is still where it came from: the files that ez wrote, the commits that it noted.
    refresh "$shadow/index"
    { shadow_git diff-files --name-only --ignore-submodules
      shadow_git ls-files -o --exclude-standard; } >"$work/changes"
    grep -oE '[0-9a-f]{40,64}' "$meta/state" | sort -u |
        shadow_git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^commit /^/p' >>"$work/tips" || :
else
    rm -f "$work/index.now"
    [ ! -f "$real/index" ] || cp -p "$real/index" "$work/index.now"
    refresh "$work/index.now"
    { index_git "$work/index.now" diff-index --cached --name-only "${head:-$empty_tree}" --
      index_git "$work/index.now" diff-files --name-only --ignore-submodules
      index_git "$work/index.now" ls-files -o --exclude-standard; } >"$work/changes"
fi
real_git for-each-ref --format='^%(objectname)' refs/remotes >>"$work/tips"
sed -i '/^$/d' "$work/tips"
: >"$work/commits"
if [ -s "$work/tips" ]; then
    shadow_git rev-list --stdin --max-count=5 --oneline <"$work/tips" >"$work/commits"
fi
say changes "$(sort -u "$work/changes" | head -n 5)"
say commits "$(cat "$work/commits")"
say done yes
