# Have the machine rest when nobody works there. $1: minutes, $2: `suspend` (the environments stop), `poweroff` (the
# machine does) or `deallocate` (its cloud stops it), $3: version of what is installed here, $4: when that happens
# whatever runs there (Unix seconds), empty for never. With 0 minutes nothing happens before $4; without both it goes.
# systemd never reads all units anew here, which takes cards away from containers that got them by the toolkit's hook.
until=${4-}
if [ "$1" = 0 ] && [ -z "$until" ]; then
    systemctl stop ez-watchdog.timer 2>/dev/null
    systemctl disable --no-reload ez-watchdog.timer >/dev/null 2>&1
    rm -rf /etc/systemd/system/ez-watchdog.service /etc/systemd/system/ez-watchdog.timer /usr/local/lib/ez/watchdog \
        /etc/ez/watchdog.conf /run/ez/watchdog /run/ez/idle /run/ez/idle-failure /usr/local/lib/ez/deallocate \
        /usr/local/lib/ez/cell
    exit 0
fi
mkdir -p /etc/ez /usr/local/lib/ez || exit 1
install -m 755 "$settings/idle.sh" /usr/local/lib/ez/watchdog || exit 1
install -m 755 "$settings/deallocate.sh" /usr/local/lib/ez/deallocate || exit 1
install -m 755 "$settings/cell.sh" /usr/local/lib/ez/cell || exit 1
cat >/etc/systemd/system/ez-watchdog.service <<'END' || exit 1
[Unit]
Description=Notice that nobody works here
[Service]
Type=oneshot
ExecStart=/bin/sh /usr/local/lib/ez/watchdog
END
cat >/etc/systemd/system/ez-watchdog.timer <<'END' || exit 1
[Unit]
Description=Notice each minute whether somebody works here
[Timer]
OnActiveSec=1min
OnUnitActiveSec=1min
AccuracySec=5s
[Install]
WantedBy=timers.target
END
printf '%s %s %s%s\n' "$1" "$2" "$3" "${until:+ $until}" >"$EZ_RUN/watchdog.conf"
install -m 644 "$EZ_RUN/watchdog.conf" /etc/ez/watchdog.conf || exit 1
# New settings count from now.
rm -rf /run/ez/watchdog
systemctl enable --no-reload ez-watchdog.timer >/dev/null 2>&1 || systemctl enable ez-watchdog.timer
# It says that it would like one.
systemctl start ez-watchdog.timer 2>/dev/null || fail 'the watchdog does not start' 'systemctl status ez-watchdog.timer'
[ "$1" = 0 ] || note "after $1 minutes without work: $2"
[ -z "$until" ] || note "at $(date -u -d "@$until"), whatever runs here: $2"
note "a lease keeps it awake: date -d '+2 hours' +%s | sudo tee /var/lib/ez/lease"
