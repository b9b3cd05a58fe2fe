# Run a kernel whose headers can be had, since drivers are built with them. Arguments: groups of the packages that bring
# the newest kernel of this machine's flavour with its headers.
await_newer_kernel && exit 0
has_headers && exit 0
update_lists
is_available "linux-headers-$(uname -r)" && exit 0
note "the headers of kernel $(uname -r) are no longer in its package sources: installing the newest kernel"
install_newest_kernel "$@" || has_headers ||
    fail "there are no headers for kernel $(uname -r)" 'apt-cache search --names-only linux-headers'
