# Install a driver, hold its version, and have its module for the running kernel. $1: branch, $2: `open` or
# `proprietary`, $3: a group to install first or empty, $4: a group to hold besides, then groups;
# without any, what is installed is finished for the running kernel.
branch=$1
pin=$3
others=$4
shift 4

has_module() { case "$(installed_driver)" in "$branch" | "$branch".*) ;; *) return 1 ;; esac; }

# Names of the driver's packages that are there in whatever state.
present() {
    dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' '*nvidia*' 'cuda-drivers*' 'libcuda*' 2>/dev/null |
        sed -n '/^\(not-installed\|config-files\) /d; s/^[^ ]* //p' | grep -v container
}

# What this step brought goes again when it fails: half-installed, it stops every other installation on the machine.
give_up() {
    cat /var/lib/dkms/nvidia*/*/build/make.log 2>/dev/null | tail -n 40 >"$EZ_JOB/make.log"
    if [ -e "$EZ_JOB/driver.before" ]; then
        brought=$(present | grep -vxF -f "$EZ_JOB/driver.before")
        [ -z "$brought" ] || apt_get --allow-change-held-packages purge $brought >/dev/null
        rm -f "$EZ_JOB/driver.before"
    fi
    if [ -s "$EZ_JOB/make.log" ]; then
        tail -n 6 "$EZ_JOB/make.log"
        fail "NVIDIA's module cannot be built for kernel $(uname -r)" "sudo cat $EZ_JOB/make.log"
    fi
}

install_driver() {
    packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; return 1; }
    apt_get --allow-change-held-packages --allow-downgrades install --no-install-recommends $packages
}

if [ -s "$settings/modprobe.conf" ]; then
    install -m 644 "$settings/modprobe.conf" /etc/modprobe.d/ez-nvidia.conf || exit 1
fi
if [ $# = 0 ]; then
    finish_installation || { give_up; exit 1; }
    has_module || dkms autoinstall -k "$(uname -r)"
else
    # A machine that went down in the middle knows from before what was there.
    [ -e "$EZ_JOB/driver.before" ] || { echo . && present; } >"$EZ_JOB/driver.before"
    [ -z "$pin" ] || install_driver "$pin" || { give_up; exit 1; }
    install_driver "$@" || { give_up; exit 1; }
fi
if ! has_module && command -v dkms >/dev/null; then dkms autoinstall -k "$(uname -r)"; fi
if ! has_module; then
    give_up
    fail "there is no module of driver $branch for kernel $(uname -r)" 'dkms status'
fi
rm -f "$EZ_JOB/driver.before"
# All of it, since an upgrade of a single library under a loaded module is a mismatch. Modules that come built for each
# kernel go on with the kernel.
for package in $(present | grep -v '^linux-') $(names_in "$others"); do
    if is_installed "$package"; then hold_packages "$package"; fi
done
