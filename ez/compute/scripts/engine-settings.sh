# Put the merged settings of the engine in place, unless somebody changed them since they were read. $1: `keep` where the
# engine is not there yet, `restart` where it is. The file from before ez is kept, and says how to go back.
current=/etc/docker/daemon.json
original=$current.before-ez
mkdir -p /etc/docker
present=$current
[ -e "$current" ] || { present=$EZ_RUN/none; : >"$present"; }
cmp -s "$settings/daemon.json" "$present" && exit 0
cmp -s "$settings/daemon.json.before" "$present" ||
    fail "the settings of the engine changed meanwhile: $current" "cat $current"

# A restart ends what runs in containers, unless the engine was told to leave it alone.
if [ "$1" = restart ]; then
    running=$(timeout 15 docker ps --quiet 2>/dev/null | wc -l)
    if [ "$running" != 0 ] && [ "$(timeout 15 docker info --format '{{.LiveRestoreEnabled}}' 2>/dev/null)" != true ]; then
        fail "the Docker Engine needs a restart, which would end the containers that run: $running" 'docker ps'
    fi
fi
if dockerd --help 2>/dev/null | grep -q -e --validate; then
    said=$(dockerd --validate --config-file "$settings/daemon.json" 2>&1) || {
        printf '%s\n' "$said"
        fail "the Docker Engine does not take its settings merged with what ez wants" "cat $current"
    }
fi

[ -e "$original" ] || { cp -p "$present" "$EZ_RUN/original" && mv "$EZ_RUN/original" "$original"; } || exit 1
# put FILE: whole or not at all, open to whom the file from before is.
put() {
    install -m 600 "$1" "$current.new" || return 1
    if [ -e "$current" ]; then
        chmod --reference="$current" "$current.new" && chown --reference="$current" "$current.new"
    else
        chmod 644 "$current.new"
    fi && mv "$current.new" "$current"
}
put "$settings/daemon.json" || exit 1
note "added to $current:"
sed 's/^/  /' "$settings/daemon.json.added"
if [ "$1" = restart ] && ! systemctl restart docker.service; then
    journalctl --unit docker.service --lines 12 --no-pager --output cat
    if [ -s "$settings/daemon.json.before" ]; then put "$settings/daemon.json.before"; else rm -f "$current"; fi
    systemctl reset-failed docker.service docker.socket 2>/dev/null
    systemctl restart docker.service
    fail 'the Docker Engine does not start with its settings merged; it has the old ones again' "cat $current"
fi
back="sudo cp $original $current"
[ -s "$original" ] || back="sudo rm $current"
note "to go back: $back && sudo systemctl restart docker"
