# Keep the machine awake for $1 seconds from now, 0 for no longer; tells until when, by its own clock. Where its time
# would be over before, that ends then too.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
until=$(($(date +%s) + $1))
as_root mkdir -p /var/lib/ez && printf '%s\n' "$until" | as_root tee /var/lib/ez/lease >/dev/null || exit 1
conf=/etc/ez/watchdog.conf
if read -r minutes action version end 2>/dev/null <"$conf" && [ -n "$end" ] && [ "$until" -gt "$end" ]; then
    printf '%s %s %s %s\n' "$minutes" "$action" "$version" "$until" | as_root tee "$conf.new" >/dev/null &&
        as_root mv "$conf.new" "$conf" || exit 1
fi
echo "$until"
