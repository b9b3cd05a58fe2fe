# What the steps share; each step is this text and its own, run as root by run.sh with EZ_JOB set.
set -u
export LC_ALL=C HOME=/root DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
settings=$EZ_JOB/settings
[ -s "$settings/apt.conf" ] && export APT_CONFIG="$settings/apt.conf"

note() { printf '%s\n' "$1"; }

# fail WHAT COMMAND: what went wrong, and the command to type on this machine.
fail() {
    printf '@@ez error %s\n@@ez there %s\n' "$1" "$2"
    exit 1
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

# package_holder: the name of a program that has a lock file of dpkg or apt open.
package_holder() {
    found=$(find /proc/[0-9]*/fd -lname '/var/lib/dpkg/lock*' -o -lname /var/lib/apt/lists/lock \
        -o -lname /var/cache/apt/archives/lock 2>/dev/null | head -n 1)
    [ -n "$found" ] || return 0
    number=${found#/proc/}
    cat "/proc/${number%%/*}/comm" 2>/dev/null
}

# apt_get ARGUMENTS: waits for locks, also where apt itself does not (the lists of `update`).
apt_get() {
    tries=0
    while :; do
        wait_for_packages 600
        {
            apt-get -y -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 \
                -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null
            echo $? >"$EZ_JOB/apt.status"
        } 2>&1 | tee "$EZ_JOB/apt.log"
        read -r apt_status <"$EZ_JOB/apt.status"
        tries=$((tries + 1))
        [ "$apt_status" != 0 ] && [ "$tries" -lt 60 ] && grep -q 'Could not get lock\|Unable to lock' "$EZ_JOB/apt.log" ||
            return "$apt_status"
        sleep 2
    done
}

# Lists are fetched once per run. A repository of the machine's own that is broken is no reason to stop.
update_lists() {
    [ -e "$EZ_JOB/updated" ] && return
    apt_get update || note 'some package lists could not be fetched; going on without them'
    touch "$EZ_JOB/updated"
}

install_packages() {
    update_lists
    apt_get install --no-install-recommends "$@"
}

# A name that other packages only mention has no candidate.
is_available() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }
