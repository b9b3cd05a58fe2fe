# Have Jupyter Lab run, at a unix socket for its user alone. $1: the directory it begins in. $2: `jupyterlab` as pip is
# to have it where the environment has none. Prints `doing WORDS` for what takes long, then `socket PATH`, `token TEXT` and
# `state here|started`, or `trouble WORD DETAIL`. The token is in a file and never an argument: every user may read those of a program.
set -u
umask 077
workdir=$1
wanted=$2
place=$HOME/.local/share/ez/jupyter
socket=$place/socket
mkdir -p "$place" || exit 1
chmod 700 "$place"
exec 9>"$place/lock"
if command -v flock >/dev/null 2>&1; then flock -w 600 9 || exit 1; fi

main() {
    if runs; then tell here; fi
    python=$(find_python) || exit 9
    rm -f "$socket"
    token=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s' "$token" >"$place/token.new" && mv -f "$place/token.new" "$place/token"
    cd -- "$workdir" 2>/dev/null || cd
    start
    tries=0
    until [ -S "$socket" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$child" 2>/dev/null; then
            trouble no-start "$(tail -n 3 "$place/log" | tr '\n' ' ' | cut -c 1-300)"
        fi
        sleep 0.1
    done
    echo "$child" >"$place/pid"
    tell started
}

runs() {
    [ -S "$socket" ] && [ -s "$place/token" ] && pid=$(cat "$place/pid" 2>/dev/null) &&
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$socket"
}

# A session's agent ends with it; the environment's own stays.
start() {
    unset SSH_AUTH_SOCK SSH_CONNECTION SSH_CLIENT SSH_TTY
    if [ -d /run/ez/agent ] || [ -S /run/ez/agent.sock ]; then export SSH_AUTH_SOCK=/run/ez/agent.sock; fi
    set -- --no-browser --ServerApp.sock="$socket" --ServerApp.sock_mode=0600 --ServerApp.root_dir="$PWD" \
        --ServerApp.allow_remote_access=True --ServerApp.port_retries=0
    [ "$(id -u)" != 0 ] || set -- "$@" --allow-root
    export JUPYTER_TOKEN_FILE="$place/token"
    setsid nohup "$python" -m jupyterlab "$@" >"$place/log" 2>&1 </dev/null 9>&- 3>&- &
    child=$!
}

# The environment's own Jupyter, or one beside it that sees the environment's packages.
find_python() {
    own=$(command -v python3 || command -v python) || trouble no-python "this environment has no Python"
    if "$own" -c 'import jupyterlab, jupyter_server' 2>/dev/null; then
        echo "$own"
        return
    fi
    venv=$place/venv
    if ! "$venv/bin/python" -c 'import jupyterlab, jupyter_server' 2>/dev/null; then
        rm -rf "$venv"
        echo "doing install Jupyter Lab, once in this container" >&3
        install >"$place/install.log" 2>&1 ||
            trouble no-install "$(tail -n 2 "$place/install.log" | tr '\n' ' ' | cut -c 1-300)"
    fi
    "$own" -c 'import site, sys; print(*dict.fromkeys(p for p in sys.path if p.endswith("-packages")), sep="\n")' \
        >"$venv/$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib")[len(sysconfig.get_path("data")) + 1:])')/ez.pth"
    echo "$venv/bin/python"
}

install() {
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --python "$own" "$venv" && uv pip install --quiet --python "$venv/bin/python" "$wanted"
    elif "$own" -m venv "$venv"; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted"
    else
        # Debian's Python without its own package for this.
        rm -rf "$venv"
        "$own" -m pip --version && "$own" -m pip install --quiet --target "$place/virtualenv" virtualenv &&
            PYTHONPATH=$place/virtualenv "$own" -m virtualenv --quiet "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wanted"
    fi
}

tell() {
    printf 'socket %s\ntoken %s\nstate %s\n' "$socket" "$(cat "$place/token")" "$1"
    exit 0
}

trouble() {
    printf 'trouble %s %s\n' "$1" "$2" >&3
    exit 9
}

exec 3>&1
main
