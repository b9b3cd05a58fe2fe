# What modules are built with: the headers of the running kernel, and a compiler. Arguments: groups of packages.
packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
install_packages $packages || exit 1
has_headers || fail "there are no headers for kernel $(uname -r)" 'apt-cache search --names-only linux-headers'
# Ubuntu builds some kernels with a newer compiler than `gcc` is there, which their headers do not bring.
if grep -q '^ID=ubuntu' /etc/os-release; then
    compiler=$(sed -n 's/.*[( -]\(gcc-[0-9][0-9]*\) .*/\1/p' /proc/version)
    [ -z "$compiler" ] || command -v "$compiler" >/dev/null || ! is_available "$compiler" || install_packages "$compiler"
fi
