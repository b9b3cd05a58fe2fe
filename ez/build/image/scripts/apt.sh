# apt_update: read the lists of packages, once in a step. apt_install PACKAGE...: install from the distribution.
# /var/cache/apt and /var/lib/apt/lists are cache mounts while this runs: what was downloaded serves the next build.

set -eu

export DEBIAN_FRONTEND=noninteractive
apt_settings=$(mktemp)
trap 'rm -f "$apt_settings"' EXIT
apt_updated=

# Docker's images delete each package after its installation, which would empty the cache mount. A build that is
# interrupted is thrown away as a whole, so nothing needs to be forced to the disk.
cat >"$apt_settings" <<'SETTINGS'
#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
APT::Keep-Downloaded-Packages "true";
DPkg::Options:: "--force-unsafe-io";
SETTINGS
chmod 0644 "$apt_settings"

apt_update() {
    [ -z "$apt_updated" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "ez: this base image has no apt-get; use one that is based on Debian or Ubuntu" >&2
        return 1
    fi
    mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial
    apt-get -c "$apt_settings" update -q || return 1
    apt_updated=1
}

apt_install() {
    apt_update && apt-get -c "$apt_settings" install -q -y --no-install-recommends -- "$@"
}
