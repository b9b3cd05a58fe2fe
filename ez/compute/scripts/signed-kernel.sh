# Run the kernel that the distribution's signed modules of a driver are built for: those for older ones are of older
# drivers. $1: the package of the modules; the rest: groups of the packages that bring the newest kernel.
modules=$(names_in "$1")
shift
await_newer_kernel && exit 0
update_lists
# Where there are no such modules the driver is built.
is_available "$modules" || exit 0
apt-cache depends "$modules" | grep -q -- "-$(uname -r)\$" && exit 0
note "the modules of $modules are for a newer kernel than $(uname -r): installing that"
install_newest_kernel "$@" ||
    fail "no kernel brings what $modules is built for" "apt-cache depends $modules"
