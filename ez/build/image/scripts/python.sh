# Make /opt/venv with Python $1 (`3.11` or `3.11.4`): the image's own, else the distribution's, else one by uv.

version=$1
venv=/opt/venv
tool=/opt/ez-uv
short=$(printf '%s' "$version" | cut -d. -f1-2)

# Is $1 a Python of the wanted version that can make environments?
fits() {
    found=$("$1" -c 'import ensurepip, sys, venv; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || return 1
    case $found. in
        "$version".*) return 0 ;;
    esac
    return 1
}

# The first fitting Python of the image, if any.
own_python() {
    for candidate in "python$short" python3 python; do
        path=$(command -v "$candidate") || continue
        if fits "$path"; then
            printf '%s' "$path"
            return
        fi
    done
    return 1
}

# The version of $1 that apt would install, if any.
apt_candidate() {
    apt-cache policy "$1" | sed -n 's/^  Candidate: \([^(].*\)$/\1/p' | grep .
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

# uv brings Pythons of its own; it needs one of the distribution to be installed with.
install_with_uv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install ca-certificates python3 python3-venv || return 1
    python3 -m venv "$tool" || return 1
    "$tool/bin/python" -m pip install -q --no-cache-dir --disable-pip-version-check uv || return 1
    export UV_PYTHON_INSTALL_DIR=/opt/python UV_PYTHON_PREFERENCE=only-managed UV_CACHE_DIR="$tool/cache"
    "$tool/bin/uv" python install "$version" || return 1
    python=$("$tool/bin/uv" python find "$version") || return 1
}

choose() {
    if python=$(own_python); then
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
        echo "ez: ask for a version the distribution has, or set UV_PYTHON_INSTALL_MIRROR with runtime.environ" >&2
        exit 1
    fi
}

# Shared with the group ez, so that the container's user may install into it without sudo.
make_venv() {
    if getent group ez >/dev/null; then
        umask 002
        mkdir -p "$venv"
        chgrp ez "$venv"
        chmod 2775 "$venv"
    fi
    "$python" -m venv "$venv"
    rm -rf "$tool"
}

choose
make_venv
