# What the watchdog sees, when it stops what, and when it did so last: one `key=value` a line.
printf 'now=%s\n' "$(date +%s)"
[ ! -r /run/ez/idle ] || cat /run/ez/idle
if read -r minutes action _ end 2>/dev/null </etc/ez/watchdog.conf; then
    printf 'set_minutes=%s\nset_action=%s\nends=%s\n' "$minutes" "$action" "$end"
fi
if read -r uptime _ 2>/dev/null </proc/uptime; then
    ticks=$(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20)
    printf 'uptime=%s\n' $((${uptime%.*} - ticks / $(getconf CLK_TCK)))
fi
if read -r until 2>/dev/null </var/lib/ez/lease; then printf 'lease=%s\n' "$until"; fi
if read -r rested 2>/dev/null </var/lib/ez/rested; then printf 'rested=%s\n' "$rested"; fi
if read -r saved 2>/dev/null </var/lib/ez/saved/last; then printf 'saved=%s\n' "$saved"; fi
exit 0
