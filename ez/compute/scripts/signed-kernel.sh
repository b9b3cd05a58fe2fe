# Run the kernel that the distribution's signed modules of a driver are built for: those for older ones are of older
# drivers. $1: the package of the modules; the rest: groups of the packages that bring the newest kernel.
modules=$(names_in "$1")
shift
newest=$(newest_kernel)
if [ -n "$newest" ] && [ "$newest" != "$(uname -r)" ]; then
    ask_reboot "a newer kernel is installed than the one that runs: $newest"
    exit 0
fi
update_lists
# Where there are no such modules the driver is built.
is_available "$modules" || exit 0
apt-cache depends "$modules" | grep -q -- "-$(uname -r)\$" && exit 0
note "the modules of $modules are for a newer kernel than $(uname -r): installing that"
packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
# Words, not one argument: the names of the packages.
install_held $packages || exit 1
newest=$(newest_kernel)
if [ -n "$newest" ] && [ "$newest" != "$(uname -r)" ]; then
    ask_reboot "kernel $newest was installed"
else
    fail "no kernel brings what $modules is built for" "apt-cache depends $modules"
fi
