# Make sure of a Docker Engine on this machine. Source this file, then call `ensure_engine`.
#
# Settings (environment):
#   EZ_ENGINE_STATE   where an engine started here keeps its pid file and log (default /var/lib/ez-engine)
#   EZ_ENGINE_MIRROR  registry asked before docker.io (default http://127.77.0.2:5000, the testbed's)
#   EZ_ENGINE_WAIT    seconds to wait for the engine to answer (default 60)
#
# Only an engine that `ensure_engine` started itself is ever stopped by `stop_engine`.

engine_state="${EZ_ENGINE_STATE:-/var/lib/ez-engine}"
engine_log="$engine_state/dockerd.log"
engine_pid_file="$engine_state/dockerd.pid"

ensure_engine() {
    engine_answers && return 0
    refuse_stranger || return 1
    engine_installed || install_engine || return 1
    if has_systemd; then
        as_root systemctl start docker || return 1
        engine_log='journalctl -u docker'
    else
        start_detached_engine || return 1
    fi
    wait_for_engine
}

# stop_engine: ends the engine that `ensure_engine` started here; any other is left alone.
stop_engine() {
    local pid
    pid="$(own_engine_pid)" || return 0
    as_root kill "$pid"
    for _ in $(seq 300); do
        process_lives "$pid" || break
        sleep 0.1
    done
    if process_lives "$pid"; then
        engine_error "the Docker Engine did not end: pid $pid" "tail $engine_log"
        return 1
    fi
    as_root rm -f "$engine_pid_file" "$engine_log"
    as_root rmdir "$engine_state" 2>/dev/null || true
}

# own_engine_pid: prints the pid of the engine that was started here; fails when there is none.
own_engine_pid() {
    local pid
    pid="$(as_root_quietly cat "$engine_pid_file" 2>/dev/null)" || return 1
    process_lives "$pid" && [ "$(cat "/proc/$pid/comm")" = dockerd ] && echo "$pid"
}

# process_lives PID: an ended process that nobody has waited for does not count.
process_lives() { grep -qs '^State:[[:space:]][^ZX]' "/proc/$1/status"; }

engine_answers() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }

# refuse_stranger: fails when an engine runs that only root may use, and we are not root.
refuse_stranger() {
    [ "$(id -u)" != 0 ] && ! engine_answers && as_root_quietly docker info >/dev/null || return 0
    engine_error "the Docker Engine runs, but \`$(id -un)\` may not use it" \
        "sudo usermod -aG docker $(id -un), then log in again"
    return 1
}

engine_installed() { PATH="$PATH:/usr/sbin:/sbin" command -v dockerd >/dev/null; }

has_systemd() { [ -d /run/systemd/system ]; }

install_engine() {
    if ! command -v apt-get >/dev/null; then
        engine_error 'no Docker Engine here, and this is not Debian or Ubuntu' \
            'install Docker Engine (docs.docker.com/engine/install), then run this again'
        return 1
    fi
    echo "notice: installing a Docker Engine: the distribution's package \`docker.io\`" >&2
    install_packages docker.io iptables ||
        { engine_error 'installing `docker.io` failed' 'sudo apt-get install docker.io'; return 1; }
}

# install_packages PACKAGE...: quietly; what apt said is shown when it fails.
# install_packages NAME...: waits for other installs, ours and the system's own.
install_packages() {
    as_root env DEBIAN_FRONTEND=noninteractive flock /var/lock/ez-install.lock sh -c '
        apt-get update -qq && apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
    ' install "$@" >&2
}

# Without systemd nothing supervises the engine, so it gets a session, a pid file and a log of its own.
# The ranges are the ones for benchmarking (RFC 2544), which no home, office or cloud network uses.
start_detached_engine() {
    echo "notice: starting the Docker Engine (no systemd here), log: $engine_log" >&2
    as_root mkdir -p "$engine_state" || return 1
    as_root setsid sh -c 'log="$1"; pid_file="$2"; shift 2
        PATH="$PATH:/usr/sbin:/sbin" dockerd "$@" >>"$log" 2>&1 </dev/null & echo $! >"$pid_file"' \
        start-engine "$engine_log" "$engine_pid_file" \
        --bip 198.18.0.1/24 \
        --default-address-pool base=198.18.128.0/17,size=24 \
        --mtu "$(uplink_mtu)" \
        --registry-mirror "${EZ_ENGINE_MIRROR:-http://127.77.0.2:5000}"
}

# A bridge wider than the way out loses large packets.
uplink_mtu() {
    local interface
    interface="$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)"
    cat "/sys/class/net/$interface/mtu" 2>/dev/null || echo 1500
}

wait_for_engine() {
    local deadline=$((SECONDS + ${EZ_ENGINE_WAIT:-60}))
    until engine_answers; do
        if ! has_systemd && ! own_engine_pid >/dev/null; then
            engine_error 'the Docker Engine ended as it started' "tail $engine_log"
            return 1
        fi
        refuse_stranger || return 1
        if [ "$SECONDS" -ge "$deadline" ]; then
            engine_error "the Docker Engine does not answer after ${EZ_ENGINE_WAIT:-60} s" "see $engine_log"
            return 1
        fi
        sleep 0.2
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        engine_error "root is needed for: $*" 'run this as root, or let sudo work without a password'
        return 1
    fi
}

as_root_quietly() { as_root "$@" 2>/dev/null; }

engine_error() { printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2; }
