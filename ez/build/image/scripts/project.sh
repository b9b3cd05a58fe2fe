# Before pip.sh: what the lock of the project in this directory says, as a file that pip reads.
#
# $1: `uv.lock` or `poetry.lock`. $2, $3: extras and groups, with commas between them.
# $4: `dev` for what its developers have. The rest is for pip.sh.

set -eu

poetry_version=2.1.4
export_version=1.9.0

lock=$1
extras=$2
groups=$3
develop=$4
shift 4
requirements=/dev/shm/ez-project/requirements.txt

# In a process of its own, which leaves no setting behind.
write_requirements() (
    mkdir -p "${requirements%/*}"
    python=$(project_python)
    if ! find_uv "$python" || ! { take_settings || true; }; then
        echo "ez: cannot have uv, which reads $lock; is the package index reachable?" >&2
        exit 1
    fi
    export UV_PYTHON_DOWNLOADS=never
    case $lock in
        uv.lock) export_with_uv ;;
        poetry.lock) export_with_poetry ;;
    esac
    # Only a development image has the repo at the place where it is now.
    [ -n "$develop" ] || sed -i 's/^-e //' "$requirements"
    split_requirements
)

# pip wants a hash for all of a call or for none, and what is of Git or of the repo has none: a file of its own.
split_requirements() {
    sed -e ':more' -e '/\\$/{' -e 'N' -e 's/ *\\\n */ /' -e 'b more' -e '}' "$requirements" >"$requirements.all"
    if grep -q -e ' --hash=' "$requirements.all"; then
        grep -v -e ' --hash=' -e '^--' -e '^#' -e '^$' "$requirements.all" >"$requirements.rest" || true
        grep -e ' --hash=' -e '^--' "$requirements.all" >"$requirements"
    fi
}

project_python() {
    for one in "$venv/bin/python" python3 python; do
        if command -v "$one" >/dev/null 2>&1; then
            command -v "$one"
            return
        fi
    done
    echo "ez: this image has no Python; add install.python() to build.envd" >&2
    exit 1
}

# words OPTION LIST: `OPTION one OPTION other`, of names without spaces.
words() {
    printf '%s' "$2" | tr ',' '\n' | sed "s/^/$1 /" | tr '\n' ' '
}

export_with_uv() {
    [ -n "$develop" ] || set -- --no-default-groups
    # shellcheck disable=SC2046 # options
    "$uv" export --frozen --quiet --no-header --no-annotate --no-emit-project --python "$python" \
        $([ -z "$extras" ] || words --extra "$extras") "$@" -o "$requirements"
}

export_with_poetry() {
    [ -z "$groups" ] || set -- --with "$groups"
    # shellcheck disable=SC2046 # options
    HOME=/dev/shm/ez-project POETRY_VIRTUALENVS_CREATE=false "$uv" tool run --quiet --python "$python" \
        --from "poetry==$poetry_version" --with "poetry-plugin-export==$export_version" \
        poetry export --no-interaction --format requirements.txt \
        $([ -z "$extras" ] || words --extras "$extras") "$@" --output "$requirements"
}
