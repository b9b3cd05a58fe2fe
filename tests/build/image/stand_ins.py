"""Stand-ins for the tools that ez downloads: shell scripts that take the same words and leave the same traces."""

from __future__ import annotations

from ez.build.image.tools.table import DOWNLOADS
from tests.build.image.mirror import Files, debian_package, open_vsx, published, published_file

_SAY = "#!/bin/sh\necho '{}'\n"

_UV = """#!/bin/sh
case "$1 $2" in
    'python install') mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-$3/bin" ;;
    *) echo 'uv 0.9.22 (stand-in)' ;;
esac
"""

_MICROMAMBA = r"""#!/bin/sh
case $1 in
    create | install)
        while [ "$1" != -p ]; do shift; done
        prefix=$2
        shift 2
        mkdir -p "$prefix/conda-meta" "$prefix/bin"
        for package in "$@"; do
            case $package in -*) continue ;; esac
            echo "$package" >"$prefix/conda-meta/${package%%[=<>]*}.json"
        done
        printf '#!/bin/sh\necho "Python of conda"\n' >"$prefix/bin/python"
        chmod 755 "$prefix/bin/python"
        ;;
    shell) ;;
    *) echo "2.3.3 (stand-in)" ;;
esac
"""

_JULIA = r"""#!/bin/sh
case $1 in
    --version) echo 'julia version 1.10.10 (stand-in)' ;;
    *)
        shift 3
        for package in "$@"; do mkdir -p "${JULIA_DEPOT_PATH%%:*}/packages/$package"; done
        ;;
esac
"""

_RUSTUP = r"""#!/bin/sh
mkdir -p "$CARGO_HOME/bin" "$RUSTUP_HOME"
for word in "$@"; do version=$word; done
for name in rustc cargo; do
    printf '#!/bin/sh\necho "%s %s (stand-in)"\n' "$name" "$version" >"$CARGO_HOME/bin/$name"
    chmod 755 "$CARGO_HOME/bin/$name"
done
"""

_RSTUDIO = """#!/bin/sh
echo "as $(id -un) for $USER: $*"
exec sleep infinity
"""

MIRRORS: dict[str, Files] = {
    "go": published(DOWNLOADS["go"], {"bin/go": _SAY.format("go version go1.25.3 (stand-in)")}),
    "nodejs": published(
        DOWNLOADS["nodejs"], {"bin/node": _SAY.format("v25.1.0 (stand-in)"), "bin/npm": _SAY.format("11.6.2")}
    ),
    "julia": published(DOWNLOADS["julia"], {"bin/julia": _JULIA}),
    "rust": published(DOWNLOADS["rust"], {"rustup-init": _RUSTUP}, packed=False),
    "uv": published(DOWNLOADS["uv"], {"uv": _UV, "uvx": _SAY.format("uvx (stand-in)")}),
    "pixi": published(DOWNLOADS["pixi"], {"pixi": _SAY.format("pixi 0.62.2 (stand-in)")}),
    "micromamba": published(DOWNLOADS["micromamba"], {"micromamba": _MICROMAMBA}, packed=False),
    "codex": published(DOWNLOADS["codex"], {"codex": _SAY.format("codex-cli 0.98.0 (stand-in)")}),
    "rstudio": published_file(
        DOWNLOADS["rstudio"],
        debian_package("rstudio-server", "psmisc", {"usr/lib/rstudio-server/bin/rserver": _RSTUDIO}),
    ),
    "open_vsx": open_vsx(("redhat", "vscode-yaml", "1.15.0"), ("charliermarsh", "ruff", "2025.1.0")),
}
