# pip install with the environment's Python. $@: arguments of `pip install`.

set -eu

if command -v python >/dev/null 2>&1; then
    python=python
else
    python=python3
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "ez: this image has no Python with pip; add install.python() to build.envd" >&2
    exit 1
fi
if getent group ez >/dev/null; then
    umask 002
fi
export PIP_CACHE_DIR=/root/.cache/pip PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# Outside of a virtual environment the image is what is meant to change.
export PIP_BREAK_SYSTEM_PACKAGES=1
exec "$python" -m pip install "$@"
