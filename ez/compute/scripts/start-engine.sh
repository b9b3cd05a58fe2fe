# Start the engine now and at each boot, and wait until it answers.
systemctl reset-failed docker.service docker.socket 2>/dev/null
systemctl enable docker.service >/dev/null 2>&1
refused=
systemctl start docker.service || refused=yes
tries=0
until timeout 10 docker version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 120 ] || [ -n "$refused" ] || systemctl is-failed --quiet docker.service; then
        journalctl --unit docker.service --lines 12 --no-pager --output cat
        fail 'the Docker Engine does not start' 'sudo journalctl -u docker -n 50'
    fi
    sleep 0.5
done
