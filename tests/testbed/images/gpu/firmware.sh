# Read by switch-on: shows this computer's hardware where Linux shows it, and starts the newest kernel that is installed.
# $here/hardware: `cards` (a line each: ADDRESS VENDOR DEVICE SUBSYSTEM CLASS UUID MIB CAPABILITY MODULES FIRST LAST
# NAME), `secure-boot` (1 or 0; absent without EFI), `nouveau` (the kernel brings it along), `vendor` (of the machine).
hardware=$here/hardware
run=/run/testbed

# shadow DIRECTORY: empty and writable from here on, with links to what the real one holds.
shadow() {
    mount -t tmpfs none "$1"
    for entry in "$run/sys/${1#/sys/}"/*; do ln -s "$entry" "$1/"; done
}

# bound_to DRIVER: what /sys says of all NVIDIA cards.
bound_to() {
    mkdir -p "$run/drivers/$1"
    for device in "$run"/pci/*; do
        read -r class <"$device/class" && [ "${class#0x0300}" != "$class" -o "${class#0x0302}" != "$class" ] || continue
        read -r vendor <"$device/vendor" && [ "$vendor" = 0x10de ] && ln -sfn "$run/drivers/$1" "$device/driver"
    done
}

rm -f /.dockerenv
echo '127.0.0.1 download.microsoft.com' >>/etc/hosts
mkdir -p "$run/sys" "$run/pci" "$run/gpu" "$run/drivers"
mount --bind /sys "$run/sys"
shadow /sys/module
shadow /sys/firmware
shadow /sys/class
mount -t tmpfs none /proc/driver

touch "$hardware/cards"
while read -r address vendor device subsystem class _; do
    mkdir "$run/pci/$address"
    echo "0x$vendor" >"$run/pci/$address/vendor"
    echo "0x$device" >"$run/pci/$address/device"
    echo "0x$vendor" >"$run/pci/$address/subsystem_vendor"
    echo "0x$subsystem" >"$run/pci/$address/subsystem_device"
    echo "0x$class" >"$run/pci/$address/class"
done <"$hardware/cards"
mount --bind "$run/pci" /sys/bus/pci/devices

rm -f /sys/firmware/efi /sys/class/dmi
if [ -e "$hardware/secure-boot" ]; then
    mkdir -p /sys/firmware/efi/efivars
    # Four bytes of attributes, then the value (UEFI specification, 3.3).
    printf "\\006\\000\\000\\000\\00$(cat "$hardware/secure-boot")" \
        >/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
fi
mkdir -p /sys/class/dmi/id
cp "$hardware/vendor" /sys/class/dmi/id/sys_vendor
case "$(cat "$hardware/vendor")" in Microsoft*) tag=7783-7084-3265-9085-8269-3286-77 ;; *) tag='' ;; esac
echo "$tag" >/sys/class/dmi/id/chassis_asset_tag

ls /boot | sed -n 's/^vmlinuz-//p' | sort -V | tail -n 1 >"$run/kernel"
mount --bind "$run/kernel" /proc/sys/kernel/osrelease
release=$(cat "$run/kernel")
: >"$run/dmesg"
if [ -e "$hardware/nouveau" ] && ! grep -qs '^ *blacklist  *nouveau' "/boot/initrd.img-$release"; then
    mkdir /sys/module/nouveau
    bound_to nouveau
elif modinfo nvidia >/dev/null 2>&1; then
    modprobe nvidia 2>/dev/null
fi
