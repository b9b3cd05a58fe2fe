# RStudio Server for the user of this container, who is asked for no password: its port is published on loopback only.

server=/usr/lib/rstudio-server/bin/rserver
if [ ! -x "$server" ]; then
    echo "ez: this image has no RStudio Server; use a base image that has it" >&2
    exit 0
fi
# Without logging in, it serves the user whom USER names.
exec sudo USER="$(id -un)" "$server" --server-daemonize=0 --auth-none=1 --www-address=0.0.0.0 --www-port=8787
