# Make the environment's container be what was asked for, and wait until it can be entered.
# $1 container name, $2 digest of its specification, $3 `keep`, `force` to replace it in any case, or `resume` to
# start it as it is, $4 a program for a new one, as root inside, which may refuse it; the rest are arguments of
# `docker create`. Standard input is an env file.
# Prints `host-key ...` and `container <json>` lines. Images that the environment no longer needs go in the end.
set -u
name=$1 spec=$2 mode=$3 program=$4
shift 4
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
is_there() { docker container inspect "$1" >/dev/null 2>&1; }
# What a run that was killed has left: the container from before counts until the new one has started.
if is_there "$name.old"; then
    if is_there "$name"; then
        docker container rm --force "$name.old" >/dev/null 2>&1
    else
        docker container rename "$name.old" "$name"
    fi
fi
docker container rm --force "$name.new" >/dev/null 2>&1
wanted=
if is_there "$name"; then
    [ -n "$(label ez.env)" ] || fail "ez-foreign-container"
    if [ "$mode" = force ] || { [ "$mode" = keep ] && [ "$(label ez.spec)" != "$spec" ]; }; then
        replaced=$(docker container inspect --format '{{.Image}}' "$name")
        ran=$(docker container inspect --format '{{.State.Running}}' "$name")
        wanted=yes
    fi
else
    [ "$mode" != resume ] || fail "ez-no-container"
    wanted=yes
fi
# One that the engine refuses replaces nothing, and one that does not start gives way to the one before.
if [ -n "$wanted" ]; then
    docker container create --name "$name.new" --env-file /dev/stdin "$@" >/dev/null || exit 1
    if [ -n "$replaced" ]; then
        docker container stop --time 10 "$name" >/dev/null 2>&1
        docker container rename "$name" "$name.old" || exit 1
    fi
    docker container rename "$name.new" "$name" || exit 1
fi
go_back() {
    # One that was there before holds files that a person may want.
    [ -z "$wanted" ] || docker container rm --force "$name" >/dev/null 2>&1
    if [ -n "$replaced" ]; then
        docker container rename "$name.old" "$name"
        [ "$ran" != true ] || docker container start "$name" >/dev/null 2>&1
    fi
    fail "$1"
}
error=$(docker container start "$name" 2>&1 >/dev/null) || go_back "$error"
if [ -n "$wanted" ] && [ -n "$program" ]; then
    error=$(docker exec -u root "$name" sh -c "$program" 2>&1) ||
        [ "$(docker container inspect --format '{{.State.Running}}' "$name" 2>/dev/null)" != true ] || go_back "$error"
fi
[ -z "$replaced" ] || docker container rm --force "$name.old" >/dev/null 2>&1

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
