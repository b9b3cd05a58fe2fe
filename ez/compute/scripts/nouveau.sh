# Keep the kernel's own driver away from NVIDIA's cards, from the next boot on where it has one now.
file=/etc/modprobe.d/ez-nouveau.conf
nouveau_runs() {
    for link in /sys/bus/pci/devices/*/driver; do
        case "$(readlink "$link")" in */nouveau) return 0 ;; esac
    done
    return 1
}
if [ ! -e "$file" ]; then
    printf '# By ez: NVIDIA'\''s driver needs the cards.\nblacklist nouveau\nblacklist lbm-nouveau\noptions nouveau modeset=0\n' \
        >"$EZ_RUN/nouveau.conf"
    install -m 644 "$EZ_RUN/nouveau.conf" "$file" || exit 1
    if command -v update-initramfs >/dev/null; then
        update-initramfs -u || { rm -f "$file"; exit 1; }
    elif command -v dracut >/dev/null; then
        dracut --force || { rm -f "$file"; exit 1; }
    fi
fi
nouveau_runs || exit 0
modprobe -r nouveau 2>/dev/null
if nouveau_runs; then ask_reboot 'the driver nouveau has the card'; fi
