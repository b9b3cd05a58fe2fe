# Keep the driver awake between programs, across restarts too. Arguments: groups of packages.
packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
[ -z "$packages" ] || apt_get --allow-change-held-packages install --no-install-recommends $packages || exit 1
for package in $packages; do hold_packages "${package%%=*}"; done
start_service nvidia-persistenced.service 30 ||
    fail "NVIDIA's persistence daemon does not run" 'sudo journalctl -u nvidia-persistenced -n 50'
