#!/bin/sh
# In the place of nvidia-smi and the library behind it: what the loaded module says, with the real exit codes and words
# (nvidia-smi(1), RETURN VALUE). The shell's own commands only, since containers may have no others.
library=@VERSION@
cuda=@CUDA@
here=/run/testbed/gpu

# content FILE DEFAULT: the first line of what is known of the cards.
content() {
    line=''
    [ ! -e "$here/$1" ] || read -r line <"$here/$1"
    echo "${line:-$2}"
}

if [ ! -s "$here/version" ]; then
    printf "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n"
    exit 9
fi
if [ "$(content version)" != "$library" ]; then
    echo 'Failed to initialize NVML: Driver/library version mismatch'
    echo "NVML library version: ${library%.*}"
    exit 18
fi
if [ -e "$here/lost" ]; then
    echo 'Unable to determine the device handle for GPU0: 0000:00:04.0: GPU is lost.  Reboot the system to recover this GPU'
    exit 15
fi

value() {
    case "$1" in
    index) echo "$number" ;;
    uuid | gpu_uuid) echo "$uuid" ;;
    name | gpu_name) echo "$label" ;;
    memory.total) echo "$mib" ;;
    memory.used) content memory 0 ;;
    driver_version) echo "$library" ;;
    compute_cap) echo "$capability" ;;
    pci.bus_id | gpu_bus_id) echo "0000$address" ;;
    utilization.gpu) content utilization 0 ;;
    persistence_mode) [ -e "$here/persistent" ] && echo Enabled || echo Disabled ;;
    mig.mode.current) echo '[N/A]' ;;
    count) each_card : && echo "$number" ;;
    *) return 2 ;;
    esac
}

each_card() {
    number=0
    while read -r address uuid mib capability label; do
        "$@" || exit
        number=$((number + 1))
    done <"$here/cards"
}

list_one() { echo "GPU $number: $label (UUID: $uuid)"; }

query_one() {
    answer='' rest="$fields,"
    while [ -n "$rest" ]; do
        field=${rest%%,*} rest=${rest#*,}
        found=$(value "$field") || { echo "Field \"$field\" is not a valid field to query." && exit 2; }
        answer="$answer${answer:+, }$found"
    done
    echo "$answer"
}

fields=''
for argument in "$@"; do
    case "$argument" in
    -L | --list-gpus) each_card list_one && exit 0 ;;
    --query-gpu=*) fields=${argument#*=} ;;
    --query-compute-apps=*)
        [ ! -e "$here/programs" ] || while read -r line; do echo "$line"; done <"$here/programs"
        exit 0
        ;;
    -pm) : >"$here/persistent" && exit 0 ;;
    esac
done
if [ -n "$fields" ]; then
    each_card query_one
else
    echo "NVIDIA-SMI $library    Driver Version: $library    CUDA Version: $cuda"
    each_card list_one
fi
