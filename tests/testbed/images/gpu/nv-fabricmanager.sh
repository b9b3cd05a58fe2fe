#!/bin/sh
# In the place of the fabric manager: its version is the driver's, or it ends; so it does where there is no NVSwitch.
own=@VERSION@
driver=$(cat /run/testbed/gpu/version 2>/dev/null)
say() { echo "$1" | tee -a /var/log/fabricmanager.log; }
if [ "$driver" != "$own" ]; then
    say "fabric manager NVIDIA GPU driver interface version $own don't match with driver version $driver. Please update with matching NVIDIA driver package."
    exit 1
fi
if [ "$(cat /run/testbed/gpu/switches)" = 0 ]; then
    say 'request to query NVSwitch device information from NVSwitch driver failed with error:WARNING Nothing to do [NV_WARN_NOTHING_TO_DO]'
    exit 1
fi
if [ -e /var/lib/testbed/faults/fabric ]; then
    say 'failed to configure all the available GPUs or NVSwitches in the system.'
    exit 1
fi
touch /run/testbed/gpu/fabric
systemd-notify --ready
trap 'rm -f /run/testbed/gpu/fabric; exit 0' TERM
while :; do sleep 3600 & wait $!; done
