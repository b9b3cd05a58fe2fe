# Install what gives cards to containers. Arguments: groups of packages.
packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
# Words, not one argument: names of packages.
install_packages $packages || exit 1
command -v nvidia-ctk >/dev/null || fail 'the container toolkit is there without nvidia-ctk' 'dpkg -L nvidia-container-toolkit-base'
