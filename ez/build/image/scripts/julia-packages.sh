# Add packages to Julia. $1: a package server, or nothing. $2...: packages, `Name` or `Name@1.2`.

set -eu

if ! command -v julia >/dev/null 2>&1; then
    echo "ez: this image has no Julia; add install.julia() to build.envd" >&2
    exit 1
fi
# For an image's own Julia: the place of its own where everybody's packages are.
if [ -z "${JULIA_DEPOT_PATH-}" ]; then
    depot=$(julia --startup-file=no -e 'print(abspath(Sys.BINDIR, "..", "local", "share", "julia"))')
    export JULIA_DEPOT_PATH="$depot:"
fi
depot=${JULIA_DEPOT_PATH%%:*}
server=${1:-$(mirror_of julia_packages)}
shift
[ -z "$server" ] || export JULIA_PKG_SERVER="$server"
export HOME=/dev/shm/ez-julia JULIA_PKG_PRECOMPILE_AUTO=1
mkdir -p "$HOME" "$depot"
if getent group ez >/dev/null; then
    chgrp ez "$depot"
    chmod 2775 "$depot"
    umask 002
fi
julia --startup-file=no -e '
using Pkg
Pkg.add([length(parts) == 1 ? PackageSpec(name=parts[1]) : PackageSpec(name=parts[1], version=parts[2])
         for parts in (split(one, "@") for one in ARGS)])
' "$@"
rm -rf "$depot/logs" "$depot/scratchspaces" "$HOME"
