#!/bin/sh
# In the place of kmod: modprobe, rmmod, modinfo, lsmod, depmod for the modules nouveau and nvidia*. A module file says
# `version`, `flavour` (open, proprietary or grid) and `signed` (by whom, empty for nobody).
run=/run/testbed
name=$(basename "$0")
release=$(uname -r)
modules=/lib/modules/$release

# The options before the names; -F and -k take a word.
field='' remove=no quiet=no
while [ "${1#-}" != "$1" ]; do
    case "$1" in
    -F | --field) field=$2 && shift ;;
    -k | --set-version) release=$2 modules=/lib/modules/$2 && shift ;;
    -r | --remove) remove=yes ;;
    -q | --quiet) quiet=yes ;;
    esac
    shift
done

file_of() {
    for candidate in "$modules/updates/dkms/$1.ko" "$modules"/kernel/nvidia-*/"$1.ko" \
        "$modules/kernel/drivers/gpu/drm/nouveau/$1.ko"; do
        [ ! -e "$candidate" ] || { echo "$candidate"; return; }
    done
}
says() { sed -n "s/^$2=//p" "$1"; }
refuse() {
    [ "$quiet" = yes ] || echo "modprobe: ERROR: could not insert '$1': $2" >&2
    exit 1
}
tell() { echo "[   $(cut -d. -f1 /proc/uptime).000000] $1" >>"$run/dmesg"; }

insert() {
    module=$(echo "$1" | tr - _) file=$(file_of "$(echo "$1" | tr _ -)")
    [ ! -d "/sys/module/$module" ] || return 0
    [ -n "$file" ] || {
        [ "$quiet" = yes ] || echo "modprobe: FATAL: Module $1 not found in directory $modules" >&2
        exit 1
    }
    [ "$(cat /var/lib/testbed/hardware/secure-boot 2>/dev/null)" != 1 ] || [ -n "$(says "$file" signed)" ] || {
        tell "Loading of unsigned module is rejected"
        refuse "$1" 'Key was rejected by service'
    }
    case "$module" in
    nvidia) drive "$file" ;;
    nvidia_*) (insert nvidia) || exit 1 ;;
    esac
    mkdir -p "/sys/module/$module"
    case "$module" in
    nvidia_uvm) node /dev/nvidia-uvm /dev/nvidia-uvm-tools ;;
    nvidia_modeset) node /dev/nvidia-modeset ;;
    esac
}

# A device that a container may have, whatever the groups above it allow: the one of /dev/null.
node() { for path in "$@"; do [ -e "$path" ] || mknod -m 666 "$path" c 1 3; done; }

# The driver takes the cards that it knows; it does not load where there is none.
drive() {
    version=$(says "$1" version) flavour=$(says "$1" flavour) branch=${version%%.*} kind=''
    if [ -d /sys/module/nouveau ]; then
        tell 'NVRM: GPU 0000:00:04.0 is already bound to nouveau.'
        tell 'NVRM: The NVIDIA probe routine was not called for 1 device(s).'
        refuse nvidia 'No such device'
    fi
    : >"$run/gpu/cards"
    while read -r address vendor device subsystem class uuid mib capability kinds first last label; do
        [ "$vendor" = 10de ] || continue
        case "$class" in 0300* | 0302*) ;; *) continue ;; esac
        what="NVRM: The NVIDIA GPU $address (PCI ID: 10de:$device) installed in this system"
        if [ "$branch" -lt "$first" ] || [ "$branch" -gt "$last" ] || { [ "$kinds" = grid ] && [ "$flavour" != grid ]; }; then
            tell "$what is not supported by the NVIDIA $version driver release."
        elif [ "$flavour" = open ] && [ "$kinds" = proprietary ]; then
            tell "$what is not supported by open nvidia.ko because it does not include the required GPU System Processor (GSP)."
        elif [ "$flavour" = proprietary ] && [ "$kinds" = open ]; then
            tell "$what requires use of the NVIDIA open kernel modules."
        else
            number=$(wc -l <"$run/gpu/cards")
            echo "$address $uuid $mib $capability $label" >>"$run/gpu/cards"
            mkdir -p "$run/drivers/nvidia" && ln -sfn "$run/drivers/nvidia" "$run/pci/$address/driver"
            node "/dev/nvidia$number"
        fi
    done </var/lib/testbed/hardware/cards
    if [ ! -s "$run/gpu/cards" ]; then
        tell 'NVRM: No NVIDIA GPU found.'
        refuse nvidia 'No such device'
    fi
    node /dev/nvidiactl
    [ "$flavour" != open ] || kind='Open '
    machine=$(uname -m)
    mkdir -p /proc/driver/nvidia
    {
        [ "$flavour" = open ] && echo "NVRM version: NVIDIA UNIX Open Kernel Module for $machine  $version  Release Build  (dvs-builder@testbed)  Thu Jan  1 00:00:00 UTC 2026" ||
            echo "NVRM version: NVIDIA UNIX $machine Kernel Module  $version  Thu Jan  1 00:00:00 UTC 2026"
        echo 'GCC version:  gcc version 14.2.0 (Debian 14.2.0-19)'
    } >/proc/driver/nvidia/version
    grep -c ' 0680' /var/lib/testbed/hardware/cards >"$run/gpu/switches"
    echo "$version" >"$run/gpu/version"
    mkdir -p /sys/module/nvidia && echo "$version" >/sys/module/nvidia/version
    tell "NVRM: loading NVIDIA UNIX ${kind}Kernel Module for $machine  $version"
}

# Not while a program or another module uses it.
take_out() {
    module=$(echo "$1" | tr - _)
    [ -d "/sys/module/$module" ] || { echo "rmmod: ERROR: Module $1 is not currently loaded" >&2; exit 1; }
    if [ "$module" = nvidia ] && { [ -e "$run/gpu/used" ] || ls -d /sys/module/nvidia_* >/dev/null 2>&1; }; then
        echo "rmmod: ERROR: Module nvidia is in use" >&2
        exit 1
    fi
    if [ "$module" = nouveau ] && [ -e "$run/gpu/used" ]; then
        echo 'rmmod: ERROR: Module nouveau is in use' >&2
        exit 1
    fi
    rm -rf "/sys/module/$module"
    case "$module" in
    nvidia) rm -rf /proc/driver/nvidia "$run/gpu/version" "$run/gpu/cards" /dev/nvidia[0-9]* /dev/nvidiactl "$run"/pci/*/driver ;;
    nouveau) rm -f "$run"/pci/*/driver ;;
    nvidia_uvm) rm -f /dev/nvidia-uvm /dev/nvidia-uvm-tools ;;
    esac
}

case "$name" in
modprobe)
    [ "$remove" = no ] || { take_out "$1"; exit; }
    # Only the first name is a module, unless -a is given; the rest are its parameters.
    insert "$1"
    ;;
rmmod) for each in "$@"; do take_out "$each"; done ;;
modinfo)
    file=$(file_of "$(echo "$1" | tr _ -)")
    [ -n "$file" ] || { echo "modinfo: ERROR: Module $1 not found." >&2; exit 1; }
    case "$field" in
    version | filename | license | vermagic) ;;
    '') printf 'filename:       %s\nversion:        %s\n' "$file" "$(says "$file" version)" && exit ;;
    *) exit 0 ;;
    esac
    case "$field" in
    filename) echo "$file" ;;
    version) says "$file" version ;;
    license) [ "$(says "$file" flavour)" = open ] && echo 'Dual MIT/GPL' || echo NVIDIA ;;
    vermagic) echo "$release SMP preempt mod_unload modversions " ;;
    esac
    ;;
lsmod)
    echo 'Module                  Size  Used by'
    for module in nouveau nvidia_uvm nvidia_modeset nvidia_drm nvidia; do
        [ ! -d "/sys/module/$module" ] || printf '%-19s 16384  0\n' "$module"
    done
    ;;
depmod) ;;
esac
