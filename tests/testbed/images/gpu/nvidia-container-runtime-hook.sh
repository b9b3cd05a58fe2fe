#!/bin/sh
# In the place of the toolkit's hook, which an engine runs before a container's own program starts: brings the driver's
# files into the container's root, as libnvidia-container does. The container's state comes on the input.
[ "$1" = prestart ] || exit 0
state=$(cat)
pid=$(printf '%s' "$state" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
bundle=$(printf '%s' "$state" | sed -n 's/.*"bundle":"\([^"]*\)".*/\1/p')
grep -q '"NVIDIA_VISIBLE_DEVICES=\(all\|[0-9]\|GPU\)' "$bundle/config.json" || exit 0
if [ ! -s /run/testbed/gpu/version ]; then
    echo 'nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown' >&2
    exit 1
fi
root=$(sed -n 's/.*"root":{"path":"\([^"]*\)".*/\1/p' "$bundle/config.json")
exec nsenter --target "$pid" --mount -- sh -c '
    root=$1 && shift
    mkdir -p "$root/run/testbed/gpu" && mount --bind /run/testbed/gpu "$root/run/testbed/gpu" || exit
    for path in "$@"; do
        [ -e "$path" ] || continue
        mkdir -p "$root$(dirname "$path")" && : >>"$root$path" && mount --bind "$path" "$root$path" || exit
    done' bring "$root" /usr/bin/nvidia-smi /usr/lib/x86_64-linux-gnu/libcuda.so.1 /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1
