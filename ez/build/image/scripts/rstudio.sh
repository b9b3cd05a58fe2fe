# RStudio Server for the user of this container, who is asked for no password: its port is published on loopback only.

# Without logging in, it serves the user whom USER names.
exec sudo USER="$(id -un)" /usr/lib/rstudio-server/bin/rserver --server-daemonize=0 --auth-none=1 \
    --www-address=0.0.0.0 --www-port=8787
