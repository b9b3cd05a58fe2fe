# apt_update: have the lists of packages, once in a step. apt_install PACKAGE...: install from the distribution.
# $EZ_APT_CACHE is a cache mount while this runs, of one step at a time: what was downloaded serves the next build.

set -eu

export DEBIAN_FRONTEND=noninteractive
# Whatever is compiled or dated by this is the same whenever it is done.
export SOURCE_DATE_EPOCH=315532800
apt_settings=$(mktemp)
trap 'rm -f "$apt_settings"' EXIT
apt_lists=
fresh_minutes=60

# Each release has lists and packages of its own, so that distributions do not clean up after one another. Docker's
# images delete each package after its installation. A build that is interrupted is thrown away as a whole, so
# nothing needs to be forced to the disk. Logs would make images differ that are the same.
apt_set_up() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "ez: this base image has no apt-get; use one that is based on Debian or Ubuntu" >&2
        return 1
    fi
    apt_cache=$EZ_APT_CACHE/$(. /etc/os-release && echo "$ID-${VERSION_CODENAME:-${VERSION_ID:-}}")
    apt_cache=$apt_cache-$(dpkg --print-architecture)
    cat >"$apt_settings" <<SETTINGS
#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
APT::Keep-Downloaded-Packages "true";
APT::Get::List-Cleanup "false";
Dir::Cache "$apt_cache/";
Dir::State::Lists "$apt_cache/lists/";
Dir::Log::Terminal "";
Dir::Log::History "";
Dir::Log::Planner "";
DPkg::Options:: "--log=/dev/null";
DPkg::Options:: "--force-unsafe-io";
SETTINGS
    chmod 0644 "$apt_settings"
    mkdir -p "$apt_cache/archives/partial" "$apt_cache/lists/partial"
}

# A name for the sources that are configured.
apt_sources() {
    eval "$(apt-config -c "$apt_settings" shell file Dir::Etc::SourceList/f parts Dir::Etc::SourceParts/d)"
    { cat "$file" "$parts"/*.list "$parts"/*.sources 2>/dev/null || true; dpkg --print-foreign-architectures; } | sha256sum
}

# Lists that another step read within the hour will do.
apt_update() {
    [ -z "$apt_lists" ] || return 0
    apt_set_up || return 1
    apt_stamp=$apt_cache/read-$(apt_sources | cut -c1-16)
    if [ -n "$(find "$apt_stamp" -mmin "-$fresh_minutes" 2>/dev/null)" ]; then
        apt_lists=kept
    else
        apt_read
    fi
}

apt_read() {
    apt-get -c "$apt_settings" update -q || return 1
    touch "$apt_stamp"
    apt_lists=new
}

# Kept lists may name what the mirror has no more.
apt_install() {
    apt_update || return 1
    if ! apt_try "$@"; then
        [ "$apt_lists" = kept ] && apt_read && apt_try "$@" || return 1
    fi
    rm -f /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/alternatives.log
}

apt_try() {
    apt-get -c "$apt_settings" install -q -y --no-install-recommends -- "$@"
}
