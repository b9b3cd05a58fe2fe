# Remove an environment. $1 environment, $2 `tree` to remove its work tree as well, which ez has to have made.
# Prints what was removed; what is gone already counts as removed.
set -u
name=ez-$1
tree=$HOME/ez/$1
home=$HOME/ez/.ez/$1
if [ "$2" = tree ] && [ -e "$tree" ] && [ ! -e "$HOME/ez/.ez/.source/$1/source" ]; then
    echo ez-foreign-tree >&2
    exit 1
fi
if docker container inspect "$name" >/dev/null 2>&1; then
    [ -n "$(docker container inspect --format '{{index .Config.Labels "ez.env"}}' "$name")" ] || exit 0
    if [ "$2" = tree ]; then
        # What root made in the tree from inside could not be removed from outside.
        image=$(docker container inspect --format '{{.Image}}' "$name")
        docker run --rm --user 0:0 --entrypoint chown --volume "$tree:/tree" "$image" -R -h "$(id -u):$(id -g)" /tree \
            >/dev/null 2>&1
    fi
    docker container stop --time 10 "$name" >/dev/null 2>&1
    docker container rm --force "$name" >/dev/null || exit 1
    echo container
fi
removed=
for image in $(docker image ls --format '{{.Repository}}:{{.Tag}}' "ez/$1" 2>/dev/null); do
    docker image rm "$image" >/dev/null 2>&1 && removed=image
done
[ -z "$removed" ] || echo "$removed"
if [ "$2" = tree ] && [ -d "$tree" ]; then
    rm -rf -- "$tree" || exit 1
    echo tree
    # What the source step notes of a tree; `kept` are files that it once moved out of the way, and stays.
    find "$HOME/ez/.ez/.source/$1" -mindepth 1 -maxdepth 1 ! -name kept -exec rm -rf -- {} + 2>/dev/null
fi
rm -rf -- "$home" "$HOME/ez/.ez/.$name.lock"
if [ -d "/var/lib/ez/shares/$1" ] && [ -f /usr/local/lib/ez/share ]; then
    become_root=
    [ "$(id -u)" = 0 ] || become_root='sudo -n'
    $become_root /bin/sh /usr/local/lib/ez/share forget-all "$1" >&2 && echo shares
fi
true
