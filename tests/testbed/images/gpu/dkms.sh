#!/bin/sh
# In the place of dkms 3: builds the module that /usr/src/NAME-VERSION/dkms.conf describes, which takes headers, make
# and gcc as the real one does, and fails in its words and with its exit codes.
faults=/var/lib/testbed/faults
tree=/var/lib/dkms
machine=$(uname -m)
verb=$1
shift
module='' version='' release=$(uname -r) force=no
while [ $# -gt 0 ]; do
    case "$1" in
    -m | -v | -k | -a) option=$1 value=$2 && shift ;;
    --kernelver) option=-k value=$2 && shift ;;
    --force) force=yes option='' ;;
    -*) option='' ;;
    */*) module=${1%/*} version=${1#*/} option='' ;;
    *) module=${module:-$1} option='' ;;
    esac
    case "$option" in -m) module=$value ;; -v) version=$value ;; -k) release=$value ;; esac
    shift
done

build() {
    [ ! -d "$tree/$module/$version/$release/$machine" ] || [ "$force" = yes ] || return 0
    headers=/lib/modules/$release/build
    if [ ! -e "$headers/Makefile" ]; then
        echo "Error! Your kernel headers for kernel $release cannot be found at $headers or /lib/modules/$release/source." >&2
        echo "Please install the linux-headers-$release package or use the --kernelsourcedir option to tell DKMS where it's located." >&2
        exit 1
    fi
    work=$tree/$module/$version/build
    mkdir -p "$work"
    echo "Building module:"
    echo "Cleaning build area..."
    printf "'make' -j2 KERNEL_UNAME=%s modules......." "$release"
    [ ! -e "$faults/dkms-slow" ] || sleep 20
    sleep 1
    if ! make_module >"$work/make.log" 2>&1; then
        echo '(bad exit status: 2)'
        echo "Error! Bad return status for module build on kernel: $release ($machine)" >&2
        echo "Consult $work/make.log for more information." >&2
        exit 10
    fi
    echo
    . "/usr/src/$module-$version/dkms.conf"
    signer=''
    [ ! -e "$tree/mok.key" ] || [ ! -e /var/lib/testbed/hardware/mok-enrolled ] || signer=mok
    mkdir -p "/lib/modules/$release/updates/dkms" "$tree/$module/$version/$release/$machine"
    for name in nvidia nvidia-uvm nvidia-modeset nvidia-drm; do
        printf 'version=%s\nflavour=%s\nsigned=%s\n' "$version" "$FLAVOUR" "$signer" >"/lib/modules/$release/updates/dkms/$name.ko"
    done
    printf 'nvidia.ko:\nRunning module version sanity check.\n - Original module\n   - No original module exists within this kernel\n'
    printf ' - Installation\n   - Installing to /lib/modules/%s/updates/dkms/\ndepmod...\n' "$release"
}

make_module() {
    echo "DKMS make.log for $module-$version for kernel $release ($machine)"
    if [ -e "$faults/dkms-once" ]; then
        rm "$faults/dkms-once"
        broken
        return 2
    fi
    [ ! -e "$faults/dkms-build" ] || { broken; return 2; }
    command -v make && command -v gcc || { echo 'make: gcc: No such file or directory'; return 2; }
}

broken() {
    echo "/var/lib/dkms/$module/$version/build/nvidia/nv-mmap.c:321:5: error: implicit declaration of function '__vma_start_write'"
    echo 'make[2]: *** [Makefile:1898: modules] Error 2'
}

case "$verb" in
status)
    for folder in "$tree"/*/*/; do
        [ -d "$folder" ] || continue
        name=${folder#"$tree/"} && name=${name%/}
        found=no
        for done in "$folder"*/"$machine"; do
            [ -d "$done" ] || continue
            kernel=${done%/*} found=yes
            echo "$name, ${kernel##*/}, $machine: installed"
        done
        [ "$found" = yes ] || echo "$name: added"
    done
    ;;
add) mkdir -p "$tree/$module/$version" ;;
build | install) build ;;
remove)
    rm -rf "${tree:?}/$module/$version"
    for file in /lib/modules/*/updates/dkms/nvidia*.ko; do
        [ ! -e "$file" ] || ! grep -qx "version=$version" "$file" || rm "$file"
    done
    ;;
autoinstall)
    for folder in "$tree"/*/*/; do
        [ -d "$folder" ] || continue
        name=${folder#"$tree/"} && name=${name%/}
        module=${name%/*} version=${name#*/}
        (build) || exit
    done
    ;;
--version) echo dkms-3.2.2 ;;
*) exit 2 ;;
esac
