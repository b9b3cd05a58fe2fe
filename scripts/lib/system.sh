# System packages for the scripts of this folder. Source it from the repo's root, then call `need_commands`.

. scripts/lib/engine.sh

# need_commands COMMAND=PACKAGE...: installs the packages whose commands are missing here, with a notice.
need_commands() {
    local pair missing=()
    for pair in "$@"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ "${#missing[@]}" = 0 ] || need_packages "${missing[@]}"
}

need_packages() {
    if ! command -v apt-get >/dev/null; then
        fail "missing here: \`$*\`" "install what this system calls \`$*\`, then run this again"
    fi
    say "notice: installing the distribution's packages \`$*\`"
    install_packages "$@" || fail "installing \`$*\` failed" "sudo apt-get install $*"
}

say() { printf '%s\n' "$1" >&2; }

fail() {
    printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2
    exit 1
}
