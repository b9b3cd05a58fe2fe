# Put the merged settings of the engine in place, unless somebody changed them since they were read.
mkdir -p /etc/docker
current=/etc/docker/daemon.json
[ -e "$current" ] || printf '' >"$EZ_JOB/none"
if ! cmp -s "$settings/daemon.json.before" "$([ -e "$current" ] && echo "$current" || echo "$EZ_JOB/none")"; then
    cmp -s "$settings/daemon.json" "$current" && exit 0
    fail 'the settings of the engine changed meanwhile: /etc/docker/daemon.json' 'cat /etc/docker/daemon.json'
fi
[ -e "$current" ] && cp -p "$current" "$current.before-ez"
install -m 644 "$settings/daemon.json" "$current.new" && mv "$current.new" "$current"
