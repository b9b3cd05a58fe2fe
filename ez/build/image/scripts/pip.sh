# pip install with the environment's Python: by uv where that comes to the same, else by pip.
#
# $1: `once`; or `early`, on a branch beside the distribution's packages, and then `late` after both (`last` for the
# last call). Early, a call is done if every package that pip would choose is a wheel; the first that is not so and all
# after it are left until late, when what compiling needs is there.
# $2: the call's number. $3: `pip` for what only pip can do, `uv`, or `index` for uv with an index named by the call.
# $4...: arguments of `pip install`.

set -eu

when=$1
number=$2
by=$3
shift 3
venv=/opt/venv
left=$venv/.ez-left

main() {
    if [ "$when" = early ] && [ -e "$left" ]; then
        echo "ez: left until the distribution's packages are there, as the call before"
    elif [ "$when" = early ]; then
        install_wheels "$@" && return
        echo "ez: not every package is there as a wheel; left until the distribution's packages are there"
        echo "$number" >"$left"
    elif [ "$when" = once ] || is_left; then
        install_wheels "$@" || install_with_pip "$@"
    else
        echo "ez: installed beside the distribution's packages"
    fi
    [ "$when" != last ] || rm -f "$left"
}

is_left() {
    [ -e "$left" ] && [ "$(cat "$left")" -le "$number" ]
}

# Only if it chooses what it would choose if it were allowed to compile; that is known without any download.
install_wheels() {
    python=$venv/bin/python
    [ "$by" != pip ] && [ -x "$python" ] && find_uv "$python" && take_settings || return 1
    export UV_PYTHON_DOWNLOADS=never UV_INDEX_STRATEGY=unsafe-best-match UV_NO_SOURCES=1
    wheels=$(uv_plan --no-build "$@") && [ "$wheels" = "$(uv_plan "$@")" ] || return 1
    stamp=$(mktemp)
    share
    installed=
    if uv_install --no-build "$@"; then
        installed=1
        finish
    fi
    rm -f "$stamp"
    [ -n "$installed" ]
}

uv_install() {
    status=0
    "$uv" pip install --python "$python" "$@" || status=$?
    rm -f "$venv/.lock"
    return "$status"
}

# What would change, one package in a line.
uv_plan() {
    plan=$(uv_install --dry-run "$@" 2>&1) || return 1
    printf '%s\n' "$plan" | grep '^ [-+~] ' || true
}

# Give uv pip's own settings. Fails for one that it has no word for.
take_settings() {
    settings=$("$python" -m pip config list) || return 1
    for scope in global install :env:; do
        while IFS= read -r line; do
            case $line in
                "$scope".*) take_setting "${line#"$scope".}" || return 1 ;;
            esac
        done <<SETTINGS
$settings
SETTINGS
    done
    # Where a call and the settings name indexes, the two have their own ideas which of them count.
    [ "$by" != index ] || [ -z "${UV_DEFAULT_INDEX-}${UV_EXTRA_INDEX_URL-}" ]
}

# $1: NAME='VALUE', written as Python writes it; several values are lines.
take_setting() {
    value=$(printf '%b' "${1#*=}" | tr '\n' ' ')
    value=${value#?}
    value=${value%?}
    case ${1%%=*} in
        index-url) export UV_DEFAULT_INDEX="$value" ;;
        extra-index-url) export UV_EXTRA_INDEX_URL="$value" ;;
        trusted-host) export UV_INSECURE_HOST="$value" ;;
        cert) export SSL_CERT_FILE="$value" ;;
        timeout | default-timeout) export UV_HTTP_TIMEOUT="$value" ;;
        break-system-packages | cache-dir | disable-pip-version-check | no-cache-dir | no-color | no-input) ;;
        no-warn-script-location | progress-bar | quiet | retries | root-user-action | src | verbose) ;;
        *) return 1 ;;
    esac
}

# As pip leaves it: compiled, and the group's where there is one. The modes of uv's files are those that they got
# when they came into its cache, whoever did that.
finish() {
    if getent group ez >/dev/null; then
        find "$venv" -cnewer "$stamp" ! -type l ! -perm -g+w -exec chmod g+w {} +
    else
        find "$venv" -cnewer "$stamp" ! -type l -perm -g+w -exec chmod g-w {} +
    fi
    find "$venv/lib" -name '*.py' -cnewer "$stamp" | LC_ALL=C sort >"$stamp.files"
    "$python" -m compileall -q -j 0 -i "$stamp.files" >/dev/null 2>&1 || true
    rm -f "$stamp.files"
}

share() {
    ! getent group ez >/dev/null || umask 002
}

install_with_pip() {
    if command -v python >/dev/null 2>&1; then
        python=python
    else
        python=python3
    fi
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        echo "ez: this image has no Python with pip; add install.python() to build.envd" >&2
        exit 1
    fi
    share
    # Wheels that pip builds fit the Python and the libraries that they were built with.
    abi=$(abi_of "$python")
    export PIP_CACHE_DIR="$PIP_CACHE_DIR/$abi" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
    # Outside of a virtual environment the image is what is meant to change.
    export PIP_BREAK_SYSTEM_PACKAGES=1
    "$python" -m pip install "$@"
}

# Compiled files name no times, so that the same packages make the same image.
export SOURCE_DATE_EPOCH=315532800 PYTHONHASHSEED=0
main "$@"
