# Put an editor's server in place. $1: its directory below the home, $2: the commit, $3: the prefix of its name,
# $4: its program, $5: another place below the first where it is looked for. Standard input: a line with the address, which
# may have a password, or `-` and the archive. {arch} in both is as VS Code's servers have it, {machine} as most others.
# Prints `server PATH` and `state here|fetched`, or `no-server REASON`. Whoever is killed in it leaves no half of one.
set -u
umask 022
home=$HOME/$1
commit=$2
server=$home/cli/servers/$3-$commit/server
case $(uname -m) in
    x86_64) arch=x64 machine=x86_64 ;;
    aarch64) arch=arm64 machine=arm64 ;;
    armv7l) arch=armhf machine=armhf ;;
    *) echo "no-server there is none for $(uname -m)"; exit 0 ;;
esac

main() {
    if [ -x "$server/bin/$4" ]; then
        tell here
    fi
    if [ -e /etc/alpine-release ]; then
        refuse "this image is Alpine's; the editor fetches another one by itself"
    fi
    mkdir -p "$home/cli/servers" || refuse "no room in $home"
    work=$(mktemp -d "$home/cli/servers/.new.XXXXXX") || refuse "no room in $home"
    trap 'rm -rf "$work"' EXIT
    IFS= read -r address
    if [ "$address" = - ]; then
        cat >"$work/archive"
    else
        address=$(filled "$address")
        fetch "$address" || refuse "cannot download from $(printf '%s' "$address" | sed 's|//[^/@]*@|//|')"
    fi
    mkdir "$work/server"
    tar -xzf "$work/archive" -C "$work/server" --strip-components 1 --no-same-owner 2>/dev/null ||
        refuse "what was downloaded is no archive"
    [ -x "$work/server/bin/$4" ] || refuse "what was downloaded has no $4"
    grep -q "\"commit\": *\"$commit\"" "$work/server/product.json" 2>/dev/null ||
        refuse "what was downloaded is another version"
    # Another ez may have been faster, and its server may run.
    [ ! -x "$server/bin/$4" ] || tell here
    place=${server%/server}
    rm -rf "$place"
    mkdir "$place" && mv "$work/server" "$server" || refuse "no room in $home"
    link=$home/$(filled "$5")
    mkdir -p "${link%/*}"
    [ -e "$link" ] || ln -sfn "$server" "$link"
    # What the build file names is in the image for VS Code's own server.
    theirs=$HOME/.vscode-server/extensions
    if [ -d "$theirs" ] && [ ! -e "$home/extensions" ]; then
        cp -R "$theirs" "$home/extensions"
        # The list of them has their places; without it the server looks for itself.
        rm -f "$home/extensions/extensions.json"
    fi
    tell fetched
}

filled() { printf '%s' "$1" | sed "s/{arch}/$arch/g; s/{machine}/$machine/g"; }

fetch() {
    command -v curl >/dev/null 2>&1 || return 1
    case $1 in *[\"\\]*) return 1 ;; esac
    printf 'url = "%s"\n' "$1" |
        curl -fsSL --retry 1 --connect-timeout 5 --max-time 300 -o "$work/archive" --config - 2>/dev/null
}

tell() {
    printf 'server %s\nstate %s\n' "$server" "$1"
    exit 0
}

refuse() {
    printf 'no-server %s\narch %s\nmachine %s\n' "$1" "$arch" "$machine"
    exit 0
}

main "$@"
