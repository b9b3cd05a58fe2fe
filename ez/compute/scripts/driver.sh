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

# Whole or not at all: what is not in it counts as brought.
keep_present() { { present; echo .; } >"$EZ_JOB/driver.new" && mv "$EZ_JOB/driver.new" "$EZ_JOB/driver.before"; }

# What this step brought goes again when it fails: half-installed, it stops every other installation on the machine.
give_up() {
    # Not that of a build before this step, which may have been a good one.
    find /var/lib/dkms/nvidia*/*/build/make.log -newer "$EZ_JOB/driver.began" -exec tail -n 40 {} + 2>/dev/null >"$EZ_JOB/make.log"
    if [ -e "$EZ_JOB/driver.before" ]; then
        brought=$(present | grep -vxF -f "$EZ_JOB/driver.before")
        [ -z "$brought" ] || apt_get --allow-change-held-packages purge $brought >/dev/null
        rm -f "$EZ_JOB/driver.before"
    fi
    hold_packages $held
    if [ -s "$EZ_JOB/make.log" ]; then
        tail -n 6 "$EZ_JOB/make.log"
        fail "NVIDIA's module cannot be built for kernel $(uname -r)" "sudo cat $EZ_JOB/make.log"
    fi
}

# What is held and pinned of another branch would keep this one out.
make_way() {
    there=$(present)
    [ -n "$there" ] || return 0
    # Words, not one argument: names of packages.
    held=$(apt-mark showhold $there)
    [ -z "$held" ] || apt-mark unhold $held >/dev/null
    for package in $(printf '%s\n' "$there" | grep '^nvidia-driver-pinning-'); do
        case " $(names_in "$pin") " in *" $package "*) ;; *) apt_get purge "$package" ;; esac
    done
}

install_driver() {
    packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; return 1; }
    apt_get --allow-change-held-packages --allow-downgrades install --no-install-recommends $packages
}

# The distribution's modules are for one version of the driver, so all of it goes on to what the kernel's are for.
take_built_modules() {
    packages=$(present | grep -v '^linux-modules-nvidia-.*-[0-9][0-9]*\.[0-9][0-9]*\.[0-9]')
    # Words, not one argument: names of packages.
    case "$packages" in *linux-modules-nvidia-*) install_held $packages ;; *) false ;; esac
}

held=
[ -e "$EZ_JOB/driver.began" ] || : >"$EZ_JOB/driver.began"
if [ -s "$settings/modprobe.conf" ]; then
    install -m 644 "$settings/modprobe.conf" /etc/modprobe.d/ez-nvidia.conf || exit 1
fi
if [ $# = 0 ]; then
    finish_installation || { give_up; exit 1; }
    has_module || take_built_modules
else
    # A machine that went down in the middle knows from before what was there.
    [ -e "$EZ_JOB/driver.before" ] || keep_present || fail "nothing can be written to $EZ_JOB" 'df -h /var'
    make_way
    [ -z "$pin" ] || install_driver "$pin" || { give_up; exit 1; }
    install_driver "$@" || { give_up; exit 1; }
fi
if ! has_module && command -v dkms >/dev/null; then dkms autoinstall -k "$(uname -r)"; fi
if ! has_module; then
    give_up
    fail "there is no module of driver $branch for kernel $(uname -r)" 'dkms status'
fi
rm -f "$EZ_JOB/driver.before"
# All of it, since an upgrade of a single library under a loaded module is a mismatch, and a newer kernel has no module of
# this driver.
for package in $(present | grep -v '^linux-') $(names_in "$others"); do
    if is_installed "$package"; then hold_packages "$package"; fi
done
