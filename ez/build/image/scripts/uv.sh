# find_uv PYTHON: have the program `uv`, which is kept in the cache mount $EZ_UV_PROGRAMS and never in an image.
# Sets $uv, and forgets what others set for uv, so that it does the same everywhere.
# abi_of PYTHON: what the wheels that are built for it depend on, as a name.

set -eu

uv_version=0.13.9

find_uv() {
    abi=$(abi_of "$1") || return 1
    programs=$EZ_UV_PROGRAMS/$uv_version-${abi##*-}
    uv=$programs/bin/uv
    [ -x "$uv" ] || get_uv "$1" || return 1
    for name in $(env | sed -n 's/^\(UV_[A-Z_]*\)=.*/\1/p'); do
        case $name in
            UV_CACHE_DIR | UV_PYTHON_CACHE_DIR | UV_PYTHON_INSTALL_MIRROR) ;;
            *) unset "$name" ;;
        esac
    done
    if [ -z "${UV_PYTHON_INSTALL_MIRROR-}" ] && [ -e /dev/shm/ez/mirrors ]; then
        UV_PYTHON_INSTALL_MIRROR=$(sed -n 's/^uv_python //p' /dev/shm/ez/mirrors)
        export UV_PYTHON_INSTALL_MIRROR
    fi
    export UV_CACHE_DIR="$UV_CACHE_DIR/$abi"
    export UV_NO_CONFIG=1 UV_NO_PROGRESS=1 UV_LINK_MODE=copy UV_PYTHON_INSTALL_BIN=0
}

abi_of() {
    (
        . /etc/os-release
        printf '%s-%s-' "$ID" "${VERSION_ID:-rolling}"
    )
    "$1" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI") or sysconfig.get_platform())'
}

# Whoever is first puts it in place, whole.
get_uv() {
    mkdir -p "$EZ_UV_PROGRAMS"
    new=$(mktemp -d "$EZ_UV_PROGRAMS/new.XXXXXX")
    if ! "$1" -m pip --version >/dev/null 2>&1; then
        "$1" -m venv "$new/venv" && set -- "$new/venv/bin/python"
    fi
    if "$1" -m pip install -q --disable-pip-version-check --no-cache-dir --retries 1 --no-deps --only-binary :all: \
        --no-compile --target "$new/files" "uv==$uv_version" >&2; then
        mv -T "$new/files" "$programs" 2>/dev/null || [ -x "$uv" ]
    fi
    rm -rf "$new"
    [ -x "$uv" ]
}
