# Make a base image from the distribution's own packages, for where Docker Hub cannot be reached.
# Source engine.sh first, then this file.
#
# Settings (environment):
#   EZ_TESTBED_CACHE     where root file systems are kept between runs (default /var/cache/ez-testbed)
#   EZ_BASE_IMAGE_LABEL  the label the images get (default ez.base-image=1)
#   EZ_BASE_IMAGE_EXTRA  packages that emulated ones get besides, with commas between them

base_cache="${EZ_TESTBED_CACHE:-/var/cache/ez-testbed}"
base_label="${EZ_BASE_IMAGE_LABEL:-ez.base-image=1}"

# ensure_base_image TAG [SUITE] [ARCHITECTURE]: makes TAG from SUITE's minimal packages unless the engine has a TAG already.
# SUITE and ARCHITECTURE are this machine's own by default, `arm64` is emulated. The image says what it is: its os-release
# is the suite's.
ensure_base_image() {
    local tag="$1" suite="${2:-$(machine_suite)}" architecture="${3:-$(dpkg --print-architecture)}" rootfs
    docker image inspect "$tag" >/dev/null 2>&1 && return 0
    rootfs="$base_cache/$suite-$architecture.tar"
    [ "$architecture" = "$(dpkg --print-architecture)" ] || ensure_emulator || return 1
    ensure_root_file_system "$suite" "$rootfs" "$architecture" || return 1
    as_root cat "$rootfs" | docker import \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        --change 'CMD ["bash"]' \
        --change "LABEL $base_label" \
        --message "made by debootstrap from $suite" \
        - "$tag" >/dev/null
}

# docker_hub_answers: whether docker.io can be reached, decided within 4 seconds.
docker_hub_answers() {
    local url='https://registry-1.docker.io/v2/' answer
    if command -v curl >/dev/null; then
        answer="$(curl --silent --max-time 4 --output /dev/null --write-out '%{http_code}' "$url" 2>/dev/null)"
    else
        answer="$(timeout 4 python3 -c '
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=4).status)
except urllib.error.HTTPError as reply:
    print(reply.code)
' "$url" 2>/dev/null)"
    fi
    case "$answer" in 200 | 401) return 0 ;; *) return 1 ;; esac
}

machine_suite() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# machine_mirror SUITE: the first mirror in this machine's own apt sources that has SUITE's distribution.
machine_mirror() {
    local distribution=debian found
    case "$(readlink -f "/usr/share/debootstrap/scripts/$1")" in */gutsy) distribution=ubuntu ;; esac
    found="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -E "/$distribution/?\$" | head -n 1)"
    echo "${found%/}"
}

# ensure_emulator: the kernel runs programs for arm64 in qemu, also inside of containers, which then need no file of it.
ensure_emulator() {
    local kernel=/proc/sys/fs/binfmt_misc elf
    [ -e "$kernel/qemu-aarch64" ] && return 0
    [ -x /usr/bin/qemu-aarch64-static ] || install_packages qemu-user-static || return 1
    [ -e "$kernel/register" ] || as_root mount -t binfmt_misc none "$kernel" || return 1
    [ -e "$kernel/qemu-aarch64" ] && return 0
    # The beginning of an ELF file: 64 bits, little-endian, a program or a library, machine 183 (elf.h).
    elf='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    as_root sh -c 'printf "%s" "$1" >"$2"' register \
        ":qemu-aarch64:M::$elf:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:FC" \
        "$kernel/register"
}

# ensure_root_file_system SUITE TAR ARCHITECTURE: one debootstrap at a time; a tarball appears only when complete.
ensure_root_file_system() {
    local suite="$1" tarball="$2" architecture="$3"
    as_root test -s "$tarball" && return 0
    (PATH="$PATH:/usr/sbin" && command -v debootstrap >/dev/null) || install_packages debootstrap debian-archive-keyring || return 1
    echo "notice: making a base image of \`$suite\` from the distribution's packages" >&2
    as_root mkdir -p "$base_cache" || return 1
    as_root flock "$tarball.lock" bash -c "$(declare -f make_root_file_system finish_emulated write_apt_settings)"'
        make_root_file_system "$@"' make-root "$suite" "$tarball" "$(machine_mirror "$suite")" "$architecture" \
        "${EZ_BASE_IMAGE_EXTRA:-}" || {
        engine_error "making a base image of \`$suite\` failed" "see $tarball.log"
        return 1
    }
}

make_root_file_system() {
    local suite="$1" tarball="$2" mirror="$3" architecture="$4" extra="$5" root script= finish=true
    local -a options=(--variant=minbase --arch="$architecture")
    export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
    [ -s "$tarball" ] && return 0
    root="$(mktemp -d "${tarball%.tar}.XXXXXX")" && chmod 755 "$root" || return 1
    # A release newer than this debootstrap is made as the unstable one is.
    [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=sid
    if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
        options+=(--foreign ${extra:+--include="$extra"})
        finish=finish_emulated
    fi
    debootstrap "${options[@]}" "$suite" "$root" ${mirror:+"$mirror" $script} >"$tarball.log" 2>&1 &&
        "$finish" "$root" >>"$tarball.log" 2>&1 &&
        write_apt_settings "$suite" "$root" "$mirror" &&
        tar --create --numeric-owner --one-file-system --directory "$root" \
            --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' \
            --exclude=./etc/resolv.conf --exclude=./etc/hostname --exclude='./dev/*' \
            --file "$tarball.part" . &&
        mv "$tarball.part" "$tarball"
    local result=$?
    rm -rf --one-file-system "$root" "$tarball.part"
    return "$result"
}

# finish_emulated ROOT: unpacks with this machine's own dpkg, since an emulated one takes five times as long; only what
# the packages run themselves is emulated. Without public certificates, whose setup takes another half minute.
finish_emulated() {
    local root="$1" packages="$1/var/cache/apt/archives"
    local -a unpack=(dpkg --root="$root" --force-architecture,depends,unsafe-io
        --path-exclude='/usr/share/ca-certificates/mozilla/*' --unpack)
    export DEBIAN_FRONTEND=noninteractive
    # In a container debootstrap makes /proc a link, which inside leads to itself: systemd's packages fail there.
    if [ -L "$root/proc" ]; then rm "$root/proc" && mkdir "$root/proc"; fi
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d" &&
        "${unpack[@]}" "$packages"/base-passwd_*.deb && chroot "$root" dpkg --force-depends --configure base-passwd &&
        "${unpack[@]}" "$packages"/*.deb && chroot "$root" dpkg --force-unsafe-io --configure -a &&
        rm -rf "$root/debootstrap"
}

# What the images of Docker Hub have too: no services started by installs, no package archives kept.
# The machine's own manner of reaching its mirror (proxy, checks of dates) is carried over.
write_apt_settings() {
    local suite="$1" root="$2" mirror="$3" components=main
    if [ -n "$mirror" ]; then
        case "$mirror" in *ubuntu*) components='main universe' ;; esac
        : >"$root/etc/apt/sources.list"
        printf 'deb %s %s %s\n' "$mirror" "$suite" "$components" "$mirror" "$suite-updates" "$components" \
            >"$root/etc/apt/sources.list"
    fi
    apt-config dump | grep -E '^Acquire::(Check-|https?::Proxy)' >"$root/etc/apt/apt.conf.d/90machine" || true
    printf 'Acquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/docker-no-languages"
    printf 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n' \
        >"$root/etc/apt/apt.conf.d/docker-clean"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
}
