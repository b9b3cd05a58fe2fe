# Install NVIDIA's driver for shared cards, which clouds hand out as a program. $1: its address, $2: version, $3: `open`
# or `proprietary`.
[ "$(installed_driver)" != "$2" ] || exit 0
program=$EZ_JOB/driver.run
fetch "$1" "$program" 1200 || fail "the driver for shared cards cannot be fetched: $1" "/usr/lib/apt/apt-helper download-file $1 /tmp/driver.run"
kind=
[ "$3" != open ] || kind='-M open'
# Words, not one argument: an option and its value.
sh "$program" --silent --dkms --disable-nouveau --tmpdir "$EZ_JOB" $kind || {
    tail -n 12 /var/log/nvidia-installer.log
    rm -f "$program"
    fail "NVIDIA's driver for shared cards cannot be installed on kernel $(uname -r)" 'sudo cat /var/log/nvidia-installer.log'
}
rm -f "$program"
# What Microsoft's guide for these machines says (learn.microsoft.com, N-series driver setup for Linux).
if [ -e /etc/nvidia/gridd.conf.template ]; then
    { grep -v '^[[:space:]]*\(FeatureType\|IgnoreSP\|EnableUI\)=' /etc/nvidia/gridd.conf.template
        printf 'IgnoreSP=FALSE\nEnableUI=FALSE\n'; } >"$EZ_RUN/gridd.conf"
    install -m 644 "$EZ_RUN/gridd.conf" /etc/nvidia/gridd.conf
fi
