#!/bin/sh
# The last thing that systemd runs. In a container a new one only ends, which Docker takes for being switched off.
how=reboot
[ -e /run/testbed/restarts ] || how=poweroff
[ "$how" = reboot ] || touch /var/lib/testbed/off
exec systemctl "$how" --force --force
