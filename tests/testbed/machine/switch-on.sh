#!/bin/sh
# Power switch, firmware and boot loader of a computer: the container runs this before systemd, at each start.
here=/var/lib/testbed
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Docker starts again what ended by itself, as a machine that restarts; one that was switched off stays off.
if [ -e "$here/off" ]; then
    rm "$here/off"
    exit 0
fi

cat "$here/resolv.conf" >/etc/resolv.conf
mkdir -p /run/testbed
cat /proc/sys/kernel/random/uuid >/run/testbed/boot_id
mount --bind /run/testbed/boot_id /proc/sys/kernel/random/boot_id || exit 1
[ ! -e /usr/lib/testbed/firmware ] || . /usr/lib/testbed/firmware

# systemd of 2025 and later runs on cgroup v2 alone: where the host has v1, it gets a v2 tree of its own, without
# controllers.
version=$(/lib/systemd/systemd --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if [ "$version" -ge 258 ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    tree=/run/testbed/cgroup2
    own=$tree/ez-testbed/$(sed -n 's|.*:name=systemd:.*/||p' /proc/self/cgroup)
    mkdir -p "$tree" && mount -t cgroup2 none "$tree" && mkdir -p "$own" && echo $$ >"$own/cgroup.procs" &&
        umount "$tree" || exit 1
    exec unshare --cgroup sh -c 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec /lib/systemd/systemd'
fi
exec /lib/systemd/systemd
