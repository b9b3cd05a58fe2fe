# Remove an environment. $1 environment, $2 `tree` to remove its work tree as well, $3 `force` to do so although the
# tree holds work that is nowhere else. Prints what was removed; what is gone already counts as removed.
set -u
name=ez-$1
tree=$HOME/ez/$1
home=$HOME/ez/.ez/$1
if [ "$2" = tree ] && [ "$3" != force ] && [ -d "$tree/.git" ]; then
    work=$(git -C "$tree" status --porcelain 2>/dev/null | head -n 5)
    unpushed=$(git -C "$tree" log --branches --not --remotes --oneline 2>/dev/null | head -n 5)
    if [ -n "$work$unpushed" ]; then
        printf 'ez-unsaved-work\n%s\n%s\n' "$work" "$unpushed" >&2
        exit 1
    fi
fi
if docker container inspect "$name" >/dev/null 2>&1; then
    [ -n "$(docker container inspect --format '{{index .Config.Labels "ez.env"}}' "$name")" ] || exit 0
    image=$(docker container inspect --format '{{.Config.Image}}' "$name")
    docker container stop --time 10 "$name" >/dev/null 2>&1
    docker container rm --force "$name" >/dev/null || exit 1
    echo container
    docker image rm "$image" >/dev/null 2>&1 && echo image
fi
if [ "$2" = tree ] && [ -d "$tree" ]; then rm -rf -- "$tree" && echo tree; fi
rm -rf -- "$home"
