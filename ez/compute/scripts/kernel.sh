# Run a kernel whose headers can be had, since drivers are built with them. Arguments: groups of the packages that bring
# the newest kernel of this machine's flavour with its headers.
newest=$(newest_kernel)
if [ -n "$newest" ] && [ "$newest" != "$(uname -r)" ]; then
    ask_reboot "a newer kernel is installed than the one that runs: $newest"
    exit 0
fi
has_headers && exit 0
update_lists
is_available "linux-headers-$(uname -r)" && exit 0
note "the headers of kernel $(uname -r) are no longer in its package sources: installing the newest kernel"
packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
# Words, not one argument: the names of the packages.
install_held $packages || exit 1
newest=$(newest_kernel)
if [ -n "$newest" ] && [ "$newest" != "$(uname -r)" ]; then
    ask_reboot "kernel $newest was installed"
elif ! has_headers; then
    fail "there are no headers for kernel $(uname -r)" 'apt-cache search --names-only linux-headers'
fi
