# pip install with the environment's Python: by uv where that comes to the same, else by pip.
#
# $1: `once`; or `early`, on a branch beside the distribution's packages, and then `late` after both (`last` for the
# last call). Early, a call is done if every package that pip would choose is a wheel; the first that is not so and all
# after it are left until late, when what compiling needs is there. Late, $early is the branch if that is not merged.
# $2: the call's number. $3: `pip` for what only pip can do, `uv`, or `index` for uv with an index named by the call.
# $4...: arguments of `pip install`.

set -eu

when=$1
number=$2
by=$3
shift 3
venv=/opt/venv
conda=/opt/conda/envs/envd
[ ! -x "$conda/bin/python" ] || venv=$conda
left=$venv/.ez-left
early=/dev/shm/ez-early

main() {
    [ ! -d "$early$venv" ] || take_early
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

# Have in $venv what the branch made of it: little in a build that installs one package more.
take_early() {
    lists=$(mktemp -d)
    list_files "$early$venv" "$lists/early"
    list_files "$venv" "$lists/here"
    comm -z -13 "$lists/early.names" "$lists/here.names" | (cd "$venv" && xargs -0 -r rm -rf --)
    comm -z -23 "$lists/early" "$lists/here" | cut -z -f 2- >"$lists/new"
    tar -C "$early$venv" --format=posix --null --no-recursion -T "$lists/new" -cf - | tar -C "$venv" -xpf -
    rm -rf "$lists"
}

# Of each file below $1 what tells it apart from another of its name, to $2; and the names alone.
list_files() {
    (cd "$1" && find . -mindepth 1 -printf '%y %m %U %G %s %T@\t%P\0') | LC_ALL=C sort -z >"$2"
    cut -z -f 2- "$2" | LC_ALL=C sort -z >"$2.names"
}

is_left() {
    [ -e "$left" ] && [ "$(cat "$left")" -le "$number" ]
}

# Only if it chooses what it would choose if it were allowed to compile; that is known without any download.
install_wheels() {
    have_requirements
    python=$venv/bin/python
    ! has_rest || return 1
    [ "$by" != pip ] && [ -x "$python" ] && find_uv "$python" && take_settings || return 1
    export UV_PYTHON_DOWNLOADS=never UV_INDEX_STRATEGY=unsafe-best-match UV_NO_SOURCES=1
    wheels=$(uv_plan --no-build "$@") && [ "$wheels" = "$(uv_plan --offline "$@" || uv_plan "$@")" ] || return 1
    stamp=$(mktemp)
    share
    installed=
    if uv_install_known "$@" || uv_install --no-build "$@"; then
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

# With what the plan has just asked for, where all of that and the packages are in the cache.
uv_install_known() {
    said=$(uv_install --offline --no-build "$@" 2>&1) || return 1
    printf '%s\n' "$said"
}

# What would change, one package in a line.
uv_plan() {
    plan=$(uv_install --dry-run "$@" 2>&1) || return 1
    printf '%s\n' "$plan" | grep '^ [-+~] ' || true
}

# Give uv pip's own settings. Fails for one that it has no word for. Variables win over files.
take_settings() {
    if has_settings_files; then
        settings=$("$python" -m pip config list) || return 1
        for section in global install; do
            take_lines "$section." '=' "$settings" || return 1
        done
    elif [ -n "${PIP_CONFIG_FILE-}" ]; then
        take_lines '' ' = ' "$(cat "$PIP_CONFIG_FILE")" || return 1
    fi
    for name in $(env | sed -n 's/^PIP_\([A-Z_]*\)=.*/\1/p'); do
        eval "value=\$PIP_$name"
        take_setting "$(printf '%s' "$name" | tr A-Z_ a-z-)" || return 1
    done
    # Where a call and the settings name indexes, the two have their own ideas which of them counts.
    [ "$by" != index ] || [ -z "${UV_DEFAULT_INDEX-}${UV_EXTRA_INDEX_URL-}" ]
}

# Where pip looks, beside the file that ez writes; asking pip itself takes a third of a second.
has_settings_files() {
    case ${PIP_CONFIG_FILE-} in
        '' | /dev/shm/ez/pip.conf) ;;
        *) return 0 ;;
    esac
    user=${XDG_CONFIG_HOME:-${HOME:-/root}/.config}
    for file in /etc/pip.conf /etc/xdg/pip/pip.conf "$user/pip/pip.conf" "${HOME:-/root}/.pip/pip.conf" "$venv/pip.conf"; do
        [ ! -e "$file" ] || return 0
    done
    [ -n "${XDG_CONFIG_DIRS-}" ]
}

# $1: what lines begin with that count. $2: what is between names and values. $3: the lines.
take_lines() {
    while IFS= read -r line; do
        case $line in
            "$1"*"$2"*)
                line=${line#"$1"}
                value=${line#*"$2"}
                [ "$2" != '=' ] || written_value
                take_setting "${line%%"$2"*}" || return 1
                ;;
        esac
    done <<SETTINGS
$3
SETTINGS
}

# What $value is, written as Python writes it; several values are lines.
written_value() {
    value=$(printf '%b' "$value" | tr '\n' ' ')
    value=${value#?}
    value=${value%?}
}

# $1: its name. $value: what it is set to.
take_setting() {
    case $1 in
        index-url) export UV_DEFAULT_INDEX="$value" ;;
        extra-index-url) export UV_EXTRA_INDEX_URL="$value" ;;
        trusted-host) export UV_INSECURE_HOST="$value" ;;
        cert) export SSL_CERT_FILE="$value" ;;
        timeout | default-timeout) export UV_HTTP_TIMEOUT="$value" ;;
        break-system-packages | cache-dir | config-file | disable-pip-version-check | no-cache-dir | no-color | no-input) ;;
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
    # Processes beside one another take longer to start than a few files to compile.
    jobs=1
    [ "$(wc -l <"$stamp.files")" -lt 300 ] || jobs=0
    "$python" -m compileall -q -j "$jobs" -i "$stamp.files" >/dev/null 2>&1 || true
    rm -f "$stamp.files"
}

# Of a project: see project.sh.
have_requirements() {
    [ -z "${requirements-}" ] || [ -e "$requirements" ] || write_requirements || exit 1
}

share() {
    ! getent group ez >/dev/null || umask 002
}

install_with_pip() {
    have_requirements
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
    [ "$1" != --no-deps ] || without_git
    if ! has_rest; then
        "$python" -m pip install "$@"
        return
    fi
    # A lock names all that is needed.
    "$python" -m pip install --no-deps "$@"
    ! grep -q -v -e '://[^/]' "$requirements.rest" || without_git
    "$python" -m pip install --no-deps -r "$requirements.rest"
}

# Requirements of a project that have no hash.
has_rest() {
    [ -n "${requirements-}" ] && [ -s "$requirements.rest" ]
}

# A project that takes its version from Git has no Git here.
without_git() {
    export SETUPTOOLS_SCM_PRETEND_VERSION="${SETUPTOOLS_SCM_PRETEND_VERSION:-0.0.0}"
}

# Compiled files name no times, so that the same packages make the same image.
export SOURCE_DATE_EPOCH=315532800 PYTHONHASHSEED=0
[ -z "${requirements-}" ] || set -- "$@" -r "$requirements"
main "$@"
