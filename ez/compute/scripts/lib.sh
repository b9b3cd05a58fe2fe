# What the steps share; each step is this text and its own, run as root by run.sh. EZ_JOB outlives a restart of the
# machine, EZ_RUN does not and is in memory.
set -u
export LC_ALL=C HOME=/root DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
settings=$EZ_JOB/settings
[ -s "$settings/apt.conf" ] && export APT_CONFIG="$settings/apt.conf"

note() { printf '%s\n' "$1"; }

# fail WHAT COMMAND: what went wrong, and the command to type on this machine.
fail() {
    printf '@@ez error %s\n@@ez there %s\n' "$1" "$2"
    exit 1
}

# ask_reboot WHY: once the steps beside this one are done, the machine restarts, and this step is done again.
ask_reboot() {
    note "a restart is needed: $1"
    printf '%s\n' "$1" >"$EZ_RUN/reboot"
}

# wait_for_packages SECONDS: until nobody has the package manager's locks. Their holders are only waited for.
wait_for_packages() {
    waited=0
    while holder=$(package_holder) && [ -n "$holder" ]; do
        [ $((waited % 10)) = 0 ] && note "waiting for another installation to end: $holder"
        [ "$waited" -lt "$1" ] || fail "another installation has not ended for $1 seconds: $holder" "ps -ef"
        sleep 1
        waited=$((waited + 1))
    done
}

# package_holder: the name of a program that has a lock file of dpkg or apt open, or of systemd's job that is about to.
package_holder() {
    found=$(find /proc/[0-9]*/fd -lname '/var/lib/dpkg/lock*' -o -lname /var/lib/apt/lists/lock \
        -o -lname /var/cache/apt/archives/lock 2>/dev/null | head -n 1)
    if [ -z "$found" ]; then
        systemctl list-units --no-legend --plain --state=activating apt-daily.service apt-daily-upgrade.service \
            2>/dev/null | cut -d ' ' -f 1 | head -n 1
        return 0
    fi
    number=${found#/proc/}
    name=$(cat "/proc/${number%%/*}/comm" 2>/dev/null) && echo "$name (process ${number%%/*})"
}

# apt_get ARGUMENTS: waits for locks, also where apt itself does not (the lists of `update`), and mends once what
# somebody cut off.
apt_get() {
    tries=0
    mended=no
    while :; do
        wait_for_packages 600
        {
            apt-get -y -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
                -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null
            echo $? >"$EZ_RUN/apt.status"
        } 2>&1 | tee "$EZ_RUN/apt.log"
        read -r apt_status <"$EZ_RUN/apt.status"
        tries=$((tries + 1))
        [ "$apt_status" != 0 ] || return 0
        if [ "$mended" = no ] && { [ "$apt_status" -ge 128 ] || said 'dpkg was interrupted\|received signal'; }; then
            mended=yes
            note 'an installation was cut off: finishing it, then trying again'
            finish_installation || return "$apt_status"
        elif [ "$tries" -lt 60 ] && said 'Could not get lock\|Unable to lock'; then
            sleep 2
        else
            return "$apt_status"
        fi
    done
}

# said PATTERN: whether apt-get's last run printed it.
said() { grep -q "$1" "$EZ_RUN/apt.log"; }

finish_installation() {
    wait_for_packages 600
    dpkg --configure -a --force-confdef --force-confold </dev/null
}

# Lists are fetched once per run. A repository of the machine's own that is broken is no reason to stop.
update_lists() {
    [ -e "$EZ_RUN/updated" ] && return
    apt_get update || note 'some package lists could not be fetched; going on without them'
    touch "$EZ_RUN/updated"
}

# Nothing that is there is upgraded but for the sake of what is asked for.
install_packages() {
    update_lists
    apt_get install --no-install-recommends "$@"
}

# A name that other packages only mention has no candidate.
is_available() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

is_installed() { [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# choose_packages GROUP...: prints what to install of each. A group is alternatives separated by `|`, the first that can
# be had counts, an empty one at the end means that none is needed; an alternative is names separated by `,`; NAME=580
# is a package of a version that begins with `580.`. KERNEL and FLAVOUR in a name are those of the running kernel.
choose_packages() {
    update_lists >&2
    for group in "$@"; do
        choose_group "$group" || fail "its package sources have none of: $group" 'sudo apt-get update'
    done
}

choose_group() {
    rest="$1|"
    while [ -n "$rest" ]; do
        alternative=${rest%%|*}
        rest=${rest#*|}
        [ -n "$alternative" ] || return 0
        chosen=$(available_all "$alternative") && printf '%s\n' "$chosen" && return 0
    done
    return 1
}

available_all() {
    for name in $(names_in "$1"); do
        wanted=
        case "$name" in *=*) wanted=${name#*=} ;; esac
        available_version "${name%%=*}" "$wanted" || return 1
    done
}

# names_in GROUP: what is named there, for the kernel that runs. Ubuntu's `virtual` is its `generic` kernel with less
# around it, and modules are named by that.
names_in() {
    printf '%s' "$1" | tr ',|' '  ' |
        sed "s/KERNEL/$(uname -r)/g; s/FLAVOUR/$(kernel_flavour)/g; s/\(linux-modules-nvidia-[^ ]*\)-virtual/\1-generic/g"
}

# available_version NAME WANTED: the name where its candidate is as wanted, NAME=VERSION where another version is.
available_version() {
    is_available "$1" || return 1
    candidate=$(apt-cache policy "$1" | sed -n 's/^ *Candidate: //p')
    [ -n "$2" ] && [ "${candidate#*:}" != "$2" ] || { echo "$1"; return; }
    for version in "$candidate" $(apt-cache madison "$1" | cut -d '|' -f 2); do
        case "${version#*:}" in
        "$2" | "$2".* | "$2"-*) ;;
        *) continue ;;
        esac
        if [ "$version" = "$candidate" ]; then echo "$1"; else echo "$1=$version"; fi
        return
    done
    return 1
}

hold_packages() { [ $# = 0 ] || apt-mark hold "$@" >/dev/null; }

# install_held PACKAGE...: install_packages for some that may be held, and are held again afterwards.
install_held() {
    update_lists
    # Words, not one argument: names of packages.
    held=$(apt-mark showhold "$@")
    apt_get --allow-change-held-packages install --no-install-recommends "$@" && hold_packages $held
}

# fetch ADDRESS FILE [SECONDS]: apt's own downloader is on every machine, unlike curl and wget, and takes the same proxy.
fetch() {
    timeout "${3:-15}" /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=5 \
        -o Acquire::https::Timeout=5 download-file "$1" "$2" >/dev/null 2>&1
}

# key_fingerprint FILE: of the primary key that a key file begins with, which is the hash of that packet with a length of
# two bytes (RFC 4880, 12.2). Fails for what is no such file.
key_fingerprint() {
    # Words, not one argument: three bytes.
    set -- "$1" $(od -A n -t u1 -N 3 "$1")
    case "${2:-}" in
    152) set -- "$1" 0 "$3" 3 ;;
    153) set -- "$1" "$3" "$4" 4 ;;
    *) return 1 ;;
    esac
    {
        printf "\\231\\$(printf %03o "$2")\\$(printf %03o "$3")"
        tail -c +"$4" "$1" | head -c $(($2 * 256 + $3))
    } | sha1sum | cut -c 1-40 | tr a-f A-F
}

# kernel_words RELEASE: what is behind the version of a kernel: azure, generic, cloud-amd64.
kernel_words() { printf '%s\n' "$1" | sed -e 's/^[0-9][0-9.]*[^-]*-//' -e 's/^[0-9][0-9.]*-//'; }

# What the packages that bring its newest version are named by: azure, cloud-amd64, generic-hwe-22.04.
kernel_flavour() {
    named=$(dpkg-query --show --showformat '${Package} ${Depends}\n' 'linux-image-*' 2>/dev/null |
        sed -n "s/^linux-image-\([^ ]*\) .*linux-image-$(uname -r).*/\1/p" | grep -v '^[0-9]' | head -n 1)
    if [ -n "$named" ]; then echo "$named"; else kernel_words "$(uname -r)"; fi
}

# The newest kernel of the running one's kind that the machine could boot.
newest_kernel() {
    kind=$(kernel_words "$(uname -r)")
    for folder in /lib/modules/*-"$kind"; do
        release=${folder##*/}
        [ -e "/boot/vmlinuz-$release" ] && [ "$(kernel_words "$release")" = "$kind" ] && echo "$release"
    done | sort -V | tail -n 1
}

# newer_kernel: the newest one, where it is not the one that runs; fails otherwise.
newer_kernel() {
    newest=$(newest_kernel)
    [ -n "$newest" ] && [ "$newest" != "$(uname -r)" ] && echo "$newest"
}

# await_newer_kernel: whether one is installed already; then a restart is asked for.
await_newer_kernel() {
    newer=$(newer_kernel) && ask_reboot "a newer kernel is installed than the one that runs: $newer"
}

# install_newest_kernel GROUP...: and ask for a restart; fails where no newer one came.
install_newest_kernel() {
    packages=$(choose_packages "$@") || { printf '%s\n' "$packages"; exit 1; }
    # Words, not one argument: the names of the packages.
    install_held $packages || exit 1
    newer=$(newer_kernel) && ask_reboot "kernel $newer was installed"
}

has_headers() { [ -e "/lib/modules/$(uname -r)/build/Makefile" ]; }

# The version of NVIDIA's kernel module that is loaded; empty without one.
loaded_driver() {
    sed -n '1s/.*[[:space:]]\([0-9][0-9]*\.[0-9][0-9.]*\)[[:space:]].*/\1/p' /proc/driver/nvidia/version 2>/dev/null
}

# The version of the module that the running kernel would load.
installed_driver() { modinfo -F version nvidia 2>/dev/null; }

# start_service UNIT SECONDS: now and at each boot; prints its last words where it does not run.
start_service() {
    systemctl reset-failed "$1" 2>/dev/null
    systemctl enable "$1" >/dev/null 2>&1
    systemctl start "$1"
    waited=0
    until systemctl is-active --quiet "$1"; do
        if [ "$waited" -ge "$2" ] || systemctl is-failed --quiet "$1"; then
            journalctl --unit "$1" --lines 12 --no-pager --output cat
            return 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}
