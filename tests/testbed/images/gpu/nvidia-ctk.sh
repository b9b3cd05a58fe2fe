#!/bin/sh
# In the place of nvidia-ctk 1.18: `cdi generate`, `cdi list`, `--version`. The specification is one that a real engine reads.
here=/run/testbed/gpu
libraries=/usr/lib/x86_64-linux-gnu

generate() {
    output=''
    while [ $# -gt 0 ]; do
        case "$1" in --output=*) output=${1#*=} ;; --output) output=$2 && shift ;; esac
        shift
    done
    if [ -e /var/lib/testbed/faults/toolkit-cdi ] || [ ! -s "$here/version" ]; then
        echo 'time="2026-01-01T00:00:00Z" level=error msg="failed to generate CDI spec: failed to create device CDI specs: failed to initialize NVML: ERROR_LIBRARY_NOT_FOUND"' >&2
        exit 1
    fi
    [ -z "$output" ] || { mkdir -p "$(dirname "$output")" && exec >"$output.new"; }
    write
    [ -z "$output" ] || { chmod 644 "$output.new" && mv "$output.new" "$output"; }
}

write() {
    version=$(cat "$here/version") count=$(wc -l <"$here/cards")
    printf -- '---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n'
    every='' number=0
    while [ "$number" -lt "$count" ]; do
        printf -- '- name: "%s"\n  containerEdits:\n    deviceNodes:\n    - path: /dev/nvidia%s\n' "$number" "$number"
        every="$every    - path: /dev/nvidia$number
"
        number=$((number + 1))
    done
    printf -- '- name: all\n  containerEdits:\n    deviceNodes:\n%s' "$every"
    printf 'containerEdits:\n  env:\n  - NVIDIA_VISIBLE_DEVICES=void\n  deviceNodes:\n  - path: /dev/nvidiactl\n  mounts:\n'
    for path in /usr/bin/nvidia-smi "$libraries/libcuda.so.$version" "$libraries/libcuda.so.1" \
        "$libraries/libnvidia-ml.so.$version" "$libraries/libnvidia-ml.so.1" "$here"; do
        [ ! -e "$path" ] ||
            printf -- '  - hostPath: %s\n    containerPath: %s\n    options:\n    - ro\n    - nosuid\n    - rbind\n' "$path" "$path"
    done
}

names() {
    for file in /etc/cdi/nvidia.yaml /var/run/cdi/nvidia.yaml; do
        [ ! -e "$file" ] || sed -n 's/^- name: "\{0,1\}\([^"]*\).*/nvidia.com\/gpu=\1/p' "$file"
    done
}

case "$1 $2" in
'--version ') printf 'NVIDIA Container Toolkit CLI version 1.18.1\ncommit: testbed\n' ;;
'cdi generate') shift 2 && generate "$@" ;;
'cdi list')
    echo "time=\"2026-01-01T00:00:00Z\" level=info msg=\"Found $(names | wc -l) CDI devices\"" >&2
    names
    ;;
*) echo "not simulated: nvidia-ctk $*" >&2 && exit 1 ;;
esac
