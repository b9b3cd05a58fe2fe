# Arguments are groups of packages, as choose_packages has them.
packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
# Words, not one argument: the names of the packages.
install_packages $packages
