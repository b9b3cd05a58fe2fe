#!/bin/sh
# Make the packages of a simulated GPU machine and the signed repositories that it has them from, then give this machine
# its kernel. Runs once, in the image. $1: `ubuntu` for a machine that says it is one, with the drivers of Ubuntu's archive.
#   /srv/kernel/{current,newer,moved}   kernels, headers, dkms and what a module's build takes; see `kernel` in hardware.py
#   /srv/www/cuda/repos/DISTRIBUTION/ARCHITECTURE   NVIDIA's driver repository, at http://127.0.0.1/cuda/repos
#   /srv/www/libnvidia-container/stable/deb         NVIDIA's container toolkit, at http://127.0.0.1/libnvidia-container
set -e
here=/usr/lib/testbed
work=/tmp/work
machine=x86_64
libraries=/usr/lib/x86_64-linux-gnu
if [ "${1:-}" = ubuntu ]; then
    rm /etc/os-release
    printf 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\n' >/etc/os-release
fi
. /etc/os-release
kind=cloud-amd64
case "$VERSION_ID" in
12) old=6.1.0-37-$kind old_version=6.1.140-1 new=6.1.0-41-$kind new_version=6.1.158-1 ;;
13) old=6.12.43+deb13-$kind old_version=6.12.43-1 new=6.12.57+deb13-$kind new_version=6.12.57-1 ;;
24.04) kind=azure old=6.8.0-1031-azure old_version=6.8.0-1031.36 new=6.8.0-1042-azure new_version=6.8.0-1042.49 ;;
esac
drivers='570.195.03/12.8 580.95.05/13.0 595.58.03/13.2'
toolkit=1.18.1-1

# fresh: an empty package to be filled at $root.
root=$work/root
fresh() { rm -rf "$root" && mkdir -p "$root/DEBIAN"; }
put() { mkdir -p "$root$(dirname "$2")" && install -m "${3:-644}" "$here/$1" "$root$2"; }
script() { { echo '#!/bin/sh' && echo 'set -e' && cat; } >"$root/DEBIAN/$1" && chmod 755 "$root/DEBIAN/$1"; }

# finish FOLDER NAME VERSION [CONTROL LINES...]
finish() (
    folder=$1 name=$2 version=$3
    shift 3
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: Testbed <testbed@invalid>\n' "$name" "$version"
        [ $# = 0 ] || printf '%s\n' "$@"
        printf 'Description: %s, simulated\n' "$name"
    } >"$root/DEBIAN/control"
    mkdir -p "$folder"
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$root" "$folder/${name}_${version#*:}_amd64.deb" >/dev/null
)
meta() { fresh && finish "$@"; }

# index FOLDER ORIGIN: a signed flat repository of the packages in it.
index() (
    cd "$1"
    for file in *.deb; do
        dpkg-deb --field "$file"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)"
    done >Packages
    {
        printf 'Origin: %s\nLabel: %s\nArchitectures: amd64\nDate: %s\nSHA256:\n' "$2" "$2" "$(date -Ru | sed 's/+0000/UTC/')"
        printf ' %s %s Packages\n' "$(sha256sum Packages | cut -d' ' -f1)" "$(stat -c %s Packages)"
    } >Release
    gpg --batch --yes --quiet --clearsign --output InRelease Release
)

make_key() {
    export GNUPGHOME=$work/gnupg
    mkdir -m 700 "$GNUPGHOME"
    gpg --batch --quiet --passphrase '' --quick-gen-key 'Testbed packages <testbed@invalid>' rsa2048 sign never 2>/dev/null
    gpg --batch --export >/usr/share/keyrings/testbed.gpg
    gpg --batch --armor --export >"$work/key.asc"
}

# --- the distribution's: kernels, and what builds modules

kernel() { # RELEASE VERSION FOLDER
    fresh
    mkdir -p "$root/boot" "$root/lib/modules/$1/kernel/drivers/gpu/drm/nouveau"
    echo "$1" >"$root/boot/vmlinuz-$1"
    printf 'version=\nflavour=open\nsigned=debian\n' >"$root/lib/modules/$1/kernel/drivers/gpu/drm/nouveau/nouveau.ko"
    : >"$root/lib/modules/$1/modules.dep"
    script postinst <<END
update-initramfs -c -k $1
[ ! -d /etc/kernel/postinst.d ] || run-parts --arg=$1 --arg=/boot/vmlinuz-$1 /etc/kernel/postinst.d
[ "\$(ls /boot/vmlinuz-* | wc -l)" = 1 ] || touch /run/reboot-required
END
    finish "$3" "linux-image-$1" "$2" 'Depends: kmod, initramfs-tools'
    meta "$3" linux-image-$kind "$2" "Depends: linux-image-$1 (= $2)"
}

headers() { # RELEASE VERSION FOLDER
    fresh
    mkdir -p "$root/usr/src/linux-headers-$1" "$root/lib/modules/$1"
    echo "# $1" >"$root/usr/src/linux-headers-$1/Makefile"
    ln -s "/usr/src/linux-headers-$1" "$root/lib/modules/$1/build"
    script postinst <<END
[ ! -d /etc/kernel/header_postinst.d ] || run-parts --arg=$1 /etc/kernel/header_postinst.d
END
    finish "$3" "linux-headers-$1" "$2"
    meta "$3" linux-headers-$kind "$2" "Depends: linux-headers-$1 (= $2)"
}

tools() { # FOLDER
    fresh
    mkdir -p "$root/etc/modprobe.d"
    for name in modprobe rmmod modinfo lsmod depmod; do put kmod.sh "/usr/sbin/$name" 755; done
    finish "$1" kmod 99-1
    fresh
    put update-initramfs.sh /usr/sbin/update-initramfs 755
    finish "$1" initramfs-tools 99-1
    fresh
    put dkms.sh /usr/sbin/dkms 755
    put dkms-postinst.sh /usr/lib/dkms/common.postinst 755
    mkdir -p "$root/etc/kernel/postinst.d" "$root/etc/kernel/header_postinst.d"
    printf '#!/bin/sh\nexec dkms autoinstall --kernelver "$1"\n' >"$root/etc/kernel/header_postinst.d/dkms"
    printf '#!/bin/sh\n[ ! -e "/lib/modules/$1/build/Makefile" ] || exec dkms autoinstall --kernelver "$1"\n' \
        >"$root/etc/kernel/postinst.d/dkms"
    chmod 755 "$root"/etc/kernel/*/dkms
    finish "$1" dkms 99-1 'Depends: kmod, gcc, make'
    fresh
    mkdir -p "$root/usr/bin"
    printf '#!/bin/sh\necho "not simulated: make" >&2\nexit 1\n' >"$root/usr/bin/make"
    chmod 755 "$root/usr/bin/make"
    finish "$1" make 99:1-1
    fresh
    put gcc.sh /usr/bin/gcc 755
    finish "$1" gcc 99:1-1
}

make_kernels() {
    for which in current newer moved; do tools "/srv/kernel/$which"; done
    kernel "$old" "$old_version" /srv/kernel/current
    headers "$old" "$old_version" /srv/kernel/current
    kernel "$new" "$new_version" /srv/kernel/moved
    headers "$new" "$new_version" /srv/kernel/moved
    ln -f /srv/kernel/current/*.deb /srv/kernel/newer/
    ln -f /srv/kernel/moved/*.deb /srv/kernel/newer/
    [ "$ID" != ubuntu ] || make_signed_drivers
    for which in current newer moved; do index "/srv/kernel/$which" Testbed; done
}

# --- Ubuntu's archive: a driver whose modules come built and signed, for its newest kernel

make_signed_drivers() {
    version=580.95.05
    modules=linux-modules-nvidia-580-server-open
    meta /srv/kernel/current nvidia-headless-no-dkms-580-server-open "$version-0ubuntu1" "Depends: libnvidia-compute-580-server"
    programs /srv/kernel/current "$version" 13.0 libnvidia-compute-580-server nvidia-utils-580-server \
        nvidia-compute-utils-580-server nvidia-fabricmanager-580 libnvidia-compute-580-server
    for which in newer moved; do ln -f /srv/kernel/current/*nvidia*.deb "/srv/kernel/$which/"; done
    signed_modules "$old" current
    signed_modules "$new" newer
    signed_modules "$new" moved
}

signed_modules() { # RELEASE FOLDER
    fresh
    mkdir -p "$root/lib/modules/$1/kernel/nvidia-580srv-open"
    for name in nvidia nvidia-uvm nvidia-modeset nvidia-drm; do
        printf 'version=%s\nflavour=open\nsigned=canonical\n' "$version" \
            >"$root/lib/modules/$1/kernel/nvidia-580srv-open/$name.ko"
    done
    finish "/srv/kernel/$2" "$modules-$1" "$version-0ubuntu1" "Depends: linux-image-$1"
    meta "/srv/kernel/$2" "$modules-$kind" "$version-0ubuntu1" "Depends: $modules-$1"
}

# --- NVIDIA's: drivers

# programs FOLDER VERSION CUDA LIBRARY TOOL DAEMON MANAGER MODULE [CONTROL LINES OF TOOL...]: what a driver is beside its
# module, in packages of those names; TOOL wants the package MODULE.
programs() {
    folder=$1 version=$2 cuda=$3 revision=$2-1 library=$4 tool=$5 daemon=$6 manager=$7 module=$8
    shift 8
    fresh
    mkdir -p "$root$libraries"
    digits=$(echo "$cuda" | awk -F. '{ print $1 * 1000 + $2 * 10 }')
    tcc -c -DVERSION="\"$version\"" -DCUDA_VERSION="$digits" -o "$work/cuda.o" "$here/cuda.c"
    ld -shared -z noexecstack -o "$root$libraries/libcuda.so.$version" "$work/cuda.o"
    ln -s "libcuda.so.$version" "$root$libraries/libcuda.so.1"
    echo "$version" >"$root$libraries/libnvidia-ml.so.$version"
    ln -s "libnvidia-ml.so.$version" "$root$libraries/libnvidia-ml.so.1"
    finish "$folder" "$library" "$revision" 'Provides: libnvidia-ml1'
    fresh
    put nvidia-smi.sh /usr/bin/nvidia-smi 755
    sed -i "s/@VERSION@/$version/; s/@CUDA@/$cuda/" "$root/usr/bin/nvidia-smi"
    finish "$folder" "$tool" "$revision" "Depends: $library (= $revision), $module" "$@"
    fresh
    put nvidia-persistenced.pl /usr/bin/nvidia-persistenced 755
    unit nvidia-persistenced '[Unit]' 'Description=NVIDIA Persistence Daemon' '[Service]' 'RuntimeDirectory=nvidia-persistenced' \
        'ExecStart=/usr/bin/nvidia-persistenced' '[Install]' 'WantedBy=multi-user.target'
    finish "$folder" "$daemon" "$revision"
    fresh
    put nv-fabricmanager.sh /usr/bin/nv-fabricmanager 755
    sed -i "s/@VERSION@/$version/" "$root/usr/bin/nv-fabricmanager"
    unit_alone nvidia-fabricmanager '[Unit]' 'Description=NVIDIA fabric manager service' '[Service]' 'Type=notify' 'NotifyAccess=all' \
        'ExecStart=/usr/bin/nv-fabricmanager' '[Install]' 'WantedBy=multi-user.target'
    finish "$folder" "$manager" "$revision"
}

driver() { # VERSION CUDA FOLDER
    version=$1 branch=${1%%.*} revision=$1-1 folder=$3
    for flavour in open proprietary; do
        [ "$flavour" = open ] && name=nvidia-kernel-open-dkms other=nvidia-kernel-dkms ||
            { name=nvidia-kernel-dkms other=nvidia-kernel-open-dkms; }
        fresh
        mkdir -p "$root/usr/src/nvidia-$version"
        printf 'PACKAGE_NAME="nvidia"\nPACKAGE_VERSION="%s"\nAUTOINSTALL="yes"\nFLAVOUR=%s\n' "$version" "$flavour" \
            >"$root/usr/src/nvidia-$version/dkms.conf"
        script postinst <<END
[ "\$1" = configure ] || exit 0
dkms add -m nvidia -v $version
exec /usr/lib/dkms/common.postinst nvidia $version
END
        script prerm <<END
dkms remove -m nvidia -v $version --all
END
        finish "$folder" "$name" "$revision" 'Depends: dkms' "Conflicts: $other" "Provides: nvidia-kernel-$version"
    done
    programs "$3" "$version" "$2" libcuda1 nvidia-driver-cuda nvidia-persistenced nvidia-fabricmanager \
        "nvidia-kernel-$version" 'Recommends: nvidia-persistenced'
    meta "$folder" libnvidia-nscq "$revision"
    meta "$folder" nvidia-open "$revision" "Depends: nvidia-kernel-open-dkms (= $revision), nvidia-driver-cuda (= $revision)"
    meta "$folder" cuda-drivers "$revision" "Depends: nvidia-kernel-dkms (= $revision), nvidia-driver-cuda (= $revision)"
    if [ "$branch" -le 580 ]; then
        meta "$folder" "nvidia-open-$branch" "$revision" "Depends: nvidia-open (= $revision)"
        meta "$folder" "cuda-drivers-$branch" "$revision" "Depends: cuda-drivers (= $revision)"
        meta "$folder" "nvidia-fabricmanager-$branch" "$revision" "Depends: nvidia-fabricmanager (= $revision)"
    fi
    fresh
    mkdir -p "$root/etc/apt/preferences.d"
    printf 'Package: *nvidia* libcuda1 cuda-drivers*\nPin: version %s.*\nPin-Priority: 1000\n' "$branch" \
        >"$root/etc/apt/preferences.d/nvidia-driver-pinning-$branch"
    finish "$folder" "nvidia-driver-pinning-$branch" "$revision"
}

# unit NAME LINES...: a service that the package starts; unit_alone: one that a person starts.
unit_alone() {
    service=$1
    shift
    mkdir -p "$root/usr/lib/systemd/system"
    printf '%s\n' "$@" >"$root/usr/lib/systemd/system/$service.service"
    script postinst <<END
systemctl daemon-reload
END
}
unit() {
    unit_alone "$@"
    script postinst <<END
systemctl daemon-reload
systemctl enable $1.service >/dev/null 2>&1
systemctl restart $1.service >/dev/null 2>&1 || true
END
}

make_drivers() {
    repository=/srv/www/cuda/repos/debian$VERSION_ID/$machine
    for each in $drivers; do driver "${each%/*}" "${each#*/}" "$repository"; done
    cp "$work/key.asc" "$repository/3bf863cc.pub"
    cp "$work/key.asc" "$repository/8793F200.pub"
    fresh
    mkdir -p "$root/usr/share/keyrings" "$root/etc/apt/sources.list.d"
    cp /usr/share/keyrings/testbed.gpg "$root/usr/share/keyrings/cuda-archive-keyring.gpg"
    echo "deb [signed-by=/usr/share/keyrings/cuda-archive-keyring.gpg] http://127.0.0.1/cuda/repos/debian$VERSION_ID/$machine/ /" \
        >"$root/etc/apt/sources.list.d/cuda-debian$VERSION_ID-$machine.list"
    finish "$repository" cuda-keyring 1.1-1
    mv "$repository/cuda-keyring_1.1-1_amd64.deb" "$repository/cuda-keyring_1.1-1_all.deb"
    index "$repository" NVIDIA
}

# --- NVIDIA's: the container toolkit

make_toolkit() {
    folder=/srv/www/libnvidia-container/stable/deb/amd64
    meta "$folder" libnvidia-container1 "$toolkit"
    meta "$folder" libnvidia-container-tools "$toolkit" "Depends: libnvidia-container1 (= $toolkit)"
    fresh
    put nvidia-ctk.sh /usr/bin/nvidia-ctk 755
    put nvidia-container-runtime.sh /usr/bin/nvidia-container-runtime 755
    printf '#!/bin/sh\nexit 0\n' >"$root/usr/bin/nvidia-cdi-hook" && chmod 755 "$root/usr/bin/nvidia-cdi-hook"
    mkdir -p "$root/usr/lib/systemd/system"
    printf '%s\n' '[Unit]' 'Description=Refresh NVIDIA CDI specification file' '[Service]' Type=oneshot \
        'ExecStart=/usr/bin/nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml' '[Install]' 'WantedBy=multi-user.target' \
        >"$root/usr/lib/systemd/system/nvidia-cdi-refresh.service"
    printf '%s\n' '[Unit]' 'Description=Trigger CDI refresh on NVIDIA driver install / uninstall events' '[Path]' \
        'PathChanged=/run/testbed/gpu/version' '[Install]' 'WantedBy=multi-user.target' \
        >"$root/usr/lib/systemd/system/nvidia-cdi-refresh.path"
    script postinst <<END
systemctl daemon-reload
systemctl enable --now nvidia-cdi-refresh.path >/dev/null 2>&1 || true
systemctl enable nvidia-cdi-refresh.service >/dev/null 2>&1 || true
systemctl start nvidia-cdi-refresh.service >/dev/null 2>&1 || true
END
    finish "$folder" nvidia-container-toolkit-base "$toolkit"
    fresh
    put nvidia-container-runtime-hook.sh /usr/bin/nvidia-container-runtime-hook 755
    finish "$folder" nvidia-container-toolkit "$toolkit" \
        "Depends: nvidia-container-toolkit-base (= $toolkit), libnvidia-container-tools (= $toolkit)"
    index "$folder" NVIDIA
    cp "$work/key.asc" /srv/www/libnvidia-container/gpgkey
    echo 'deb http://127.0.0.1/libnvidia-container/stable/deb/$(ARCH) /' >"${folder%/*}/nvidia-container-toolkit.list"
}

# --- Microsoft's: the installer for parts of cards, at https://download.microsoft.com

make_grid() {
    mkdir -p "$here/grid"
    tcc -c -DVERSION='""' -DCUDA_VERSION=12080 -o "$work/cuda.o" "$here/cuda.c"
    ld -shared -z noexecstack -o "$here/grid/libcuda.so" "$work/cuda.o"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=download.microsoft.com \
        -addext subjectAltName=DNS:download.microsoft.com -keyout "$here/grid/key" -out "$here/grid/certificate" 2>/dev/null
    cp "$here/grid/certificate" /usr/local/share/ca-certificates/download.crt
    update-ca-certificates >/dev/null 2>&1
    service testbed-download '/usr/bin/python3 /usr/lib/testbed/grid-server'
}

# --- this machine

service() { # NAME COMMAND
    printf '%s\n' '[Unit]' 'Description=What the testbed has in the place of the Internet' '[Service]' "ExecStart=$2" \
        '[Install]' 'WantedBy=multi-user.target' >"/usr/lib/systemd/system/$1.service"
    systemctl enable "$1.service" >/dev/null 2>&1
}

settle() {
    for name in uname dmesg; do
        dpkg-divert --quiet --local --rename --divert "/usr/bin/$name.real" --add "/usr/bin/$name"
        install -m 755 "$here/$name.sh" "/usr/bin/$name"
    done
    install -m 644 "$here/firmware.sh" "$here/firmware"
    # Kernels and what belongs to them come from the simulated archive alone.
    printf 'Package: linux-image-* linux-headers-* kmod initramfs-tools dkms gcc make\nPin: release o=Testbed\nPin-Priority: 1001\n\n' \
        >/etc/apt/preferences.d/testbed
    printf 'Package: linux-image-* linux-headers-*\nPin: release o=Debian\nPin-Priority: -1\n' >>/etc/apt/preferences.d/testbed
    dpkg --install /srv/kernel/current/kmod_*.deb /srv/kernel/current/initramfs-tools_*.deb \
        /srv/kernel/current/linux-image-*.deb >/dev/null
    service testbed-repository '/usr/bin/busybox httpd -f -p 127.0.0.1:80 -h /srv/www'
}

mkdir -p "$work"
apt-get update -qq
apt-get install -y -qq --no-install-recommends busybox python3 tcc libc6-dev gpg gpg-agent binutils >/dev/null
make_key
make_kernels
[ "$ID" = ubuntu ] || make_drivers
make_toolkit
make_grid
settle
gpgconf --kill all
apt-get purge -y -qq --auto-remove gpg gpg-agent binutils >/dev/null
rm -rf "$work" /var/lib/apt/lists/*
