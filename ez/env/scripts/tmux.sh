# Have tmux, by the image's package manager.
command -v tmux >/dev/null 2>&1 && exit 0
root=
[ "$(id -u)" = 0 ] || root=sudo
for manager in apt-get dnf microdnf yum apk; do
    command -v "$manager" >/dev/null 2>&1 || continue
    case $manager in
        apt-get)
            $root apt-get update -q && $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
                --no-install-recommends tmux
            ;;
        apk) $root apk add tmux ;;
        *) $root "$manager" install -y tmux ;;
    esac
    exit
done
echo "ez: this image has no package manager that ez knows" >&2
exit 1
