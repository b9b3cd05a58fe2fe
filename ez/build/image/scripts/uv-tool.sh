# uv and uvx, and Python $1 by uv, at a place of its own that uv is told by a variable.

managed=/opt/python

install_programs uv uvx
mirror=$(mirror_of uv_python)
[ -z "$mirror" ] || export UV_PYTHON_INSTALL_MIRROR="${UV_PYTHON_INSTALL_MIRROR:-$mirror}"
export UV_PYTHON_INSTALL_DIR="$managed" UV_PYTHON_PREFERENCE=only-managed UV_PYTHON_INSTALL_BIN=0
export UV_NO_CONFIG=1 UV_NO_PROGRESS=1 HOME="$work"
mkdir -p "$managed"
if ! /usr/bin/uv python install "$1"; then
    echo "ez: uv could not download Python $1; set mirrors.uv_python if this network has it elsewhere" >&2
    exit 1
fi
rm -rf "$managed/.temp" "$managed/.lock"
share "$managed"
