# Install a Docker Engine: Docker's own packages where their repository can be reached, else the distribution's.
# $1: base address of Docker's repository, $2: `debian`, `ubuntu` or empty, $3: code name of the release.
vendor=$1
system=${2:-}
codename=${3:-}
keyring=/etc/apt/keyrings/docker.asc
sources=/etc/apt/sources.list.d/docker.sources

add_vendor_repository() {
    # Whoever added it before has a key of their own for it, and two keys for one address stop all of apt.
    ! is_available docker-ce || return 0
    [ -n "$system" ] && [ -n "$codename" ] || return 1
    fetch "$vendor/$system/dists/$codename/Release" "$EZ_RUN/Release" || return 1
    fetch "$vendor/$system/gpg" "$EZ_RUN/docker.asc" || return 1
    grep -q 'BEGIN PGP PUBLIC KEY BLOCK' "$EZ_RUN/docker.asc" || return 1
    mkdir -p -m 755 /etc/apt/keyrings
    install -m 644 "$EZ_RUN/docker.asc" "$keyring"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: stable\nSigned-By: %s\n' \
        "$vendor/$system" "$codename" "$keyring" >"$sources"
    if [ -d "$settings/sources.d" ]; then cp "$sources" "$settings/sources.d/"; fi
    rm -f "$EZ_RUN/updated"
    update_lists
    is_available docker-ce || {
        rm -f "$sources" "$settings/sources.d/docker.sources"
        return 1
    }
}

# Where the kernel has AppArmor switched on, the engine wants its tools for every container it starts.
extra_packages() {
    [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] && ! command -v apparmor_parser >/dev/null &&
        echo apparmor
    is_available docker-cli && echo docker-cli
}

command -v dockerd >/dev/null && exit 0
install_packages ca-certificates || exit 1
why="$vendor cannot be reached from here or has nothing for $codename"
# Docker's packages would take the place of that containerd, and end what runs with it.
! is_installed containerd || why="the distribution's containerd is there already"
if ! is_installed containerd && add_vendor_repository; then
    note "installing Docker Engine from $vendor"
    install_packages docker-ce docker-ce-cli containerd.io
else
    note "installing the distribution's Docker Engine: $why"
    update_lists
    # Words, not one argument: the names of the packages.
    install_packages docker.io iptables $(extra_packages)
fi
