# Have Python $1: the image's own, else the distribution's, else one by uv. $2: `venv` to make /opt/venv with it.

# The version of $1 that apt would install, if any.
apt_candidate() {
    apt-cache -c "$apt_settings" policy "$1" | sed -n 's/^  Candidate: \([^(].*\)$/\1/p' | grep .
}

# Does the distribution have the wanted Python? $1: `release`, or `any` for pre-releases too.
apt_has() {
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

# uv brings Pythons of its own; it is fetched with one of the distribution, which stays whether it was needed or not.
install_with_uv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install ca-certificates python3 python3-venv || return 1
    find_uv python3 || return 1
    export UV_PYTHON_INSTALL_DIR="$managed" UV_PYTHON_PREFERENCE=only-managed
    if ! "$uv" python install "$version" || ! python=$(find_python); then
        rm -rf "$managed"
        return 1
    fi
    rm -rf "$managed/.temp" "$managed/.lock"
}

choose() {
    if python=$(find_python); then
        echo "ez: Python $version of the image: $python"
    elif apt_has release; then
        install_with_apt
    elif install_with_uv; then
        echo "ez: Python $version by uv: $python"
    elif apt_has any; then
        echo "ez: no release of Python $version can be had here, taking the distribution's pre-release" >&2
        install_with_apt
    else
        echo "ez: Python $version is neither in this image nor in its distribution, and uv could not download it" >&2
        echo "ez: ask for a version the distribution has, or set the variable UV_PYTHON_INSTALL_MIRROR for it" >&2
        exit 1
    fi
}

choose
[ "$2" != venv ] || make_venv
