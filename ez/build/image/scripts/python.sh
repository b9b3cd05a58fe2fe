# find_python: the Python of the image that fits version $1 (`3.11` or `3.11.4`). make_venv: /opt/venv with $python.

set -eu

version=$1
short=$(printf '%s' "$version" | cut -d. -f1-2)
venv=/opt/venv
managed=/opt/python

# Is $1 a Python of the wanted version that can make environments?
fits() {
    found=$("$1" -c 'import ensurepip, sys, venv; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || return 1
    case $found. in
        "$version".*) return 0 ;;
    esac
    return 1
}

# The first fitting Python that is there, if any. uv's are not on PATH.
find_python() {
    for candidate in "python$short" python3 python "$managed"/*/bin/python3; do
        path=$(command -v "$candidate") || continue
        if fits "$path"; then
            printf '%s' "$path"
            return
        fi
    done
    return 1
}

# Shared with the group ez, so that the container's user may install into it without sudo.
make_venv() {
    if getent group ez >/dev/null; then
        umask 002
        mkdir -p "$venv"
        chgrp ez "$venv"
        chmod 2775 "$venv"
    fi
    # Compiled files name no times, so that the same Python makes the same image.
    SOURCE_DATE_EPOCH=315532800 PYTHONHASHSEED=0 "$python" -m venv "$venv"
}
