# $1: the version of Python that was asked for, or nothing. $2...: packages of the distribution.

# A compiler that came after the distribution's Python needs that one's headers.
install_headers() {
    python=$(readlink -f "$(find_python)") || return 0
    name=${python#/usr/bin/}
    if [ "$python" = "/usr/bin/$name" ] && command -v cc >/dev/null 2>&1 &&
        [ ! -e "/usr/include/$name/Python.h" ] && apt-cache -c "$apt_settings" show "$name-dev" >/dev/null 2>&1; then
        apt_install "$name-dev"
    fi
}

shift
manager_install_named "$@"
[ -z "$version" ] || [ "$manager" != apt-get ] || install_headers
