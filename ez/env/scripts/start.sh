# Make the environment's container be what was asked for, and wait until it can be entered.
# $1 container name, $2 digest of its specification, $3 `keep`, `force` to replace it in any case, or `resume` to
# start it as it is; the rest are arguments of `docker create`. Standard input is an env file.
# Prints `host-key ...` and `container <json>` lines. Images that the environment no longer needs go in the end.
set -u
name=$1 spec=$2 mode=$3
shift 3
fail() { printf '%s\n' "$*" >&2; exit 1; }

# One at a time on this computer too: another person's ez may be at work on the same environment. The lock is not in
# the environment's own directory, which its container can write.
if command -v flock >/dev/null 2>&1; then
    mkdir -p -m 700 "$HOME/ez/.ez"
    exec 9>"$HOME/ez/.ez/.$name.lock"
    flock -w 120 9 || fail "ez-busy"
fi

replaced=
label() { docker container inspect --format "{{index .Config.Labels \"$1\"}}" "$name" 2>/dev/null; }
if docker container inspect "$name" >/dev/null 2>&1; then
    [ -n "$(label ez.env)" ] || fail "ez-foreign-container"
    if [ "$mode" = force ] || { [ "$mode" = keep ] && [ "$(label ez.spec)" != "$spec" ]; }; then
        replaced=$(docker container inspect --format '{{.Image}}' "$name")
        docker container stop --time 10 "$name" >/dev/null 2>&1
        docker container rm --force "$name" >/dev/null || exit 1
    fi
fi
created=
if ! docker container inspect "$name" >/dev/null 2>&1; then
    [ "$mode" != resume ] || fail "ez-no-container"
    docker container create --name "$name" --env-file /dev/stdin "$@" >/dev/null || exit 1
    created=yes
fi
error=$(docker container start "$name" 2>&1 >/dev/null) || {
    # One that was there before holds files that a person may want.
    [ -z "$created" ] || docker container rm --force "$name" >/dev/null 2>&1
    fail "$error"
}

tries=0
until docker exec -u root "$name" test -e /run/ez/ready 2>/dev/null; do
    tries=$((tries + 1))
    running=$(docker container inspect --format '{{.State.Running}}' "$name" 2>/dev/null)
    if [ "$running" != true ] || [ "$tries" -gt 300 ]; then
        docker logs --tail 20 "$name" >&2 2>&1
        fail "ez-not-ready"
    fi
    sleep 0.1
done
printf 'host-key %s\n' "$(docker exec -u root "$name" head -n 1 /etc/ez/env/ssh_host_ed25519_key.pub)"
printf 'container %s\n' "$(docker container inspect --format '{{json .}}' "$name")"

# Without --force: an image that some container still uses stays.
current=$(docker container inspect --format '{{.Config.Image}}' "$name")
for image in $replaced $(docker image ls --format '{{.Repository}}:{{.Tag}}' "ez/${name#ez-}"); do
    [ "$image" = "$current" ] || docker image rm "$image" >/dev/null 2>&1
done
true
