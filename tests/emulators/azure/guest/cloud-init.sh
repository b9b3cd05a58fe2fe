#!/bin/sh
# The one question that is asked of cloud-init: `cloud-init status [--wait]`.
finished=/var/lib/cloud/instance/boot-finished
[ "$1" = status ] || exit 1
[ "$2" != --wait ] || until [ -e "$finished" ]; do sleep 0.5; done
[ -e "$finished" ] || { echo 'status: running'; exit 0; }
read -r failed <"$finished"
[ "$failed" = no ] && echo 'status: done' && exit 0
echo 'status: error'
exit 1
