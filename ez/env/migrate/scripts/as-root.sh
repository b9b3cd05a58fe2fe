# run a program as root, with sudo, else in a container of the environment's own image: ENV PROGRAM VERB DIRECTORY ...
environment=$1 program=$2
shift 2
parent=$(dirname "$2")
# An engine in a machine of its own, as on macOS, has its volumes there.
if [ "$(id -u)" = 0 ] && [ -d "$parent" ]; then exec sh -c "$program" ez "$@"; fi
if sudo -n test -d "$parent" 2>/dev/null; then exec sudo -n sh -c "$program" ez "$@"; fi
image=$(docker container inspect --format '{{.Image}}' "ez-$environment" 2>/dev/null) ||
    image=$(docker image ls --quiet "ez/$environment" 2>/dev/null | head -n 1)
if [ -z "$image" ]; then
    echo 'ez-data no-root' >&2
    exit 20
fi
exec docker run --rm --interactive --network none --user 0:0 --entrypoint /bin/sh --volume "$parent:$parent" "$image" \
    -c "$program" ez "$@"
