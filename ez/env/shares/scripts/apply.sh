# Have the shares of an environment, as root: $1 the environment, $2 the programs that they need, with spaces between
# them. Standard input is a tar archive: `share.sh`, and for each share NAME.conf and, where rclone mounts it, NAME.rclone.
# Prints `missing PROGRAM...` and changes nothing where one is not there; `changed NAME` for each share that is new.
# systemd never reads all units anew here, which takes cards away from containers that got them by the toolkit's hook.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
[ -d /run/systemd/system ] || { echo ez-no-systemd >&2; exit 1; }
[ -c /dev/fuse ] || modprobe fuse 2>/dev/null
missing=
for program in $2; do
    if [ "$program" = smb ]; then
        # rclone speaks it since 1.60; where it is older, the kernel does.
        program=rclone
        ! command -v rclone >/dev/null || rclone help backends 2>/dev/null | grep -q '^ *smb ' || program=mount.cifs
    fi
    command -v "$program" >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
    echo "missing$missing"
    exit 0
fi
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
tar -x -C "$new" --no-same-owner || exit 1
mkdir -p -m 755 /etc/ez /usr/local/lib/ez
mkdir -p /etc/ez/shares
program=/usr/local/lib/ez/share

# put FILE MODE TARGET: as a whole, and only where it differs; fails where nothing had to be done.
put() {
    cmp -s "$1" "$3" && return 1
    install -m "$2" "$1" "$3.new" && mv "$3.new" "$3"
}

put "$new/share.sh" 755 "$program"
cat >"$new/root.service" <<END
[Unit]
Description=The directory of shares
Before=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh $program root
[Install]
WantedBy=multi-user.target
END
cat >"$new/share.service" <<END
[Unit]
Description=Share %i
Wants=network-online.target
After=network-online.target ez-shares.service
Requires=ez-shares.service
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh $program run %i
ExecStopPost=/bin/sh $program clear %i
Restart=always
RestartSec=10
TimeoutStopSec=20
# What a share brings to a container it does not bring to this machine's memory of secrets.
LimitCORE=0
[Install]
WantedBy=multi-user.target
END
put "$new/root.service" 644 /etc/systemd/system/ez-shares.service
put "$new/share.service" 644 /etc/systemd/system/ez-share@.service
systemctl enable --no-reload ez-shares.service >/dev/null 2>&1 || systemctl enable ez-shares.service >/dev/null 2>&1
/bin/sh "$program" root || exit 1
systemctl start ez-shares.service || exit 1
mkdir -p -m 755 "/var/lib/ez/shares/$1"
chmod 755 "/var/lib/ez/shares/$1"

for old in "/etc/ez/shares/$1."*.conf; do
    name=${old#"/etc/ez/shares/$1."}
    [ ! -f "$old" ] || [ -f "$new/shares/$name" ] || /bin/sh "$program" forget "$1.${name%.conf}"
done
for conf in "$new"/shares/*.conf; do
    [ -f "$conf" ] || continue
    name=${conf##*/}
    name=${name%.conf}
    changed=
    mkdir -p -m 755 "/var/lib/ez/shares/$1/$name" 2>/dev/null
    put "$conf" 600 "/etc/ez/shares/$1.$name.conf" && changed=yes
    if [ -f "$new/shares/$name.rclone" ]; then
        put "$new/shares/$name.rclone" 600 "/etc/ez/shares/$1.$name.rclone" && changed=yes
    fi
    [ -z "$changed" ] || echo "changed $name"
    grep -q '^kind=local$' "$conf" && continue
    systemctl enable --no-reload "ez-share@$1.$name.service" >/dev/null 2>&1
    if [ -n "$changed" ]; then
        systemctl restart --no-block "ez-share@$1.$name.service"
    else
        systemctl start --no-block "ez-share@$1.$name.service"
    fi
done
true
