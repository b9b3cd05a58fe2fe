# Load NVIDIA's module, the installed one.
wanted=$(installed_driver)
if [ -z "$wanted" ]; then
    newest=$(newest_kernel)
    [ -z "$newest" ] || [ "$newest" = "$(uname -r)" ] || { ask_reboot "kernel $newest is installed"; exit 0; }
    fail "there is no NVIDIA module for kernel $(uname -r)" 'dkms status'
fi
loaded=$(loaded_driver)
if [ -n "$loaded" ] && [ "$loaded" != "$wanted" ]; then
    note "driver $loaded is loaded and $wanted is installed: loading that"
    systemctl stop nvidia-persistenced nvidia-fabricmanager 2>/dev/null
    for module in nvidia_uvm nvidia_drm nvidia_modeset nvidia_peermem nvidia; do
        modprobe -r "$module" 2>/dev/null
    done
    [ -z "$(loaded_driver)" ] || { ask_reboot "driver $loaded is loaded and in use, $wanted is installed"; exit 0; }
fi
refused=$(modprobe nvidia 2>&1) || {
    printf '%s\n' "$refused"
    kernel=$(dmesg 2>/dev/null | grep -i 'nvidia\|nvrm\|module verification\|Lockdown' | tail -n 6)
    printf '%s\n' "$kernel"
    case "$refused $kernel" in
    *'Key was rejected'* | *'Required key not available'* | *'module verification failed'*)
        fail "Secure Boot refuses NVIDIA's module, which was built on the machine: turn Secure Boot off where the machine is made" 'mokutil --sb-state' ;;
    *'No such device'*)
        fail "driver $wanted does not take the card" 'sudo dmesg | grep -i nvrm' ;;
    *) fail "NVIDIA's module cannot be loaded" 'sudo modprobe nvidia && sudo dmesg | tail' ;;
    esac
}
modprobe nvidia-uvm || fail 'the module nvidia-uvm cannot be loaded' 'sudo modprobe nvidia-uvm'
# Only machines with a display engine have it.
modprobe nvidia-modeset 2>/dev/null
# The nodes in /dev are made by its first user; without one a container finds none.
nvidia-smi -L >/dev/null 2>&1 || nvidia-modprobe -c 0 -u 2>/dev/null
[ "$(loaded_driver)" = "$wanted" ] || fail "driver $wanted is not what runs: $(loaded_driver)" 'cat /proc/driver/nvidia/version'
