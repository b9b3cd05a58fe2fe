# Have Python $1: the image's own, else the distribution's, else one by uv. $2: `venv` to make /opt/venv with it.

# The version of $1 that apt would install, if any.
apt_candidate() {
    apt-cache -c "$apt_settings" policy "$1" | sed -n 's/^  Candidate: \([^(].*\)$/\1/p' | grep .
}

# Does the distribution have the wanted Python? $1: `release`, or `any` for pre-releases too.
apt_has() {
    [ "$manager" = apt-get ] || return 1
    apt_update || return 1
    candidate=$(apt_candidate "python$short-venv") || return 1
    case $candidate in
        *~rc* | *~a[0-9]* | *~b[0-9]*) [ "$1" = any ] || return 1 ;;
    esac
    case "${candidate%%[-~+]*}." in
        "$version".*) return 0 ;;
    esac
    return 1
}

# Headers only where there is a compiler to use them.
install_with_apt() {
    if command -v cc >/dev/null 2>&1; then
        apt_install "python$short" "python$short-venv" "python$short-dev"
    else
        apt_install "python$short" "python$short-venv"
    fi
    python=$(command -v "python$short")
}

# By the names of Fedora and RHEL, where each version is a package, and of Alpine, which has one version.
install_with_manager() {
    case $manager in
        dnf | microdnf | yum) manager_install "python$short" || return 1 ;;
        apk) manager_install python3 || return 1 ;;
        *) return 1 ;;
    esac
    python=$(find_python)
}

# uv brings Pythons of its own; it is fetched with one of the distribution, which stays whether it was needed or not.
install_with_uv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_any_python || return 1
    find_uv python3 || return 1
    export UV_PYTHON_INSTALL_DIR="$managed" UV_PYTHON_PREFERENCE=only-managed
    if ! "$uv" python install "$version" || ! python=$(find_python); then
        rm -rf "$managed"
        return 1
    fi
    rm -rf "$managed/.temp" "$managed/.lock"
}

install_any_python() {
    case $manager in
        apt-get) apt_install ca-certificates python3 python3-venv ;;
        *) manager_install ca-certificates python3 ;;
    esac
}

choose() {
    if python=$(find_python); then
        echo "ez: Python $version of the image: $python"
    elif apt_has release; then
        install_with_apt
    elif install_with_manager; then
        echo "ez: Python $version by $manager: $python"
    elif install_with_uv; then
        echo "ez: Python $version by uv: $python"
    elif apt_has any; then
        echo "ez: no release of Python $version can be had here, taking the distribution's pre-release" >&2
        install_with_apt
    else
        echo "ez: Python $version is neither in this image nor in its distribution, and uv could not download it" >&2
        echo "ez: ask for a version the distribution has, or set mirrors.uv_python if this network has uv's elsewhere" >&2
        exit 1
    fi
}

choose
[ "$2" != venv ] || make_venv
