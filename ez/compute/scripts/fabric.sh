# Start what runs the switches between cards: without it CUDA says 802 and nvidia-smi says that all is well. Its version
# must be the driver's. $1: `seen` where the machine sees switches, else `guessed`; the rest: groups of packages.
switches=$1
shift
driver=$(loaded_driver)
chosen=$(choose_packages "$@") || { printf '%s\n' "$chosen"; exit 1; }
packages=
for package in $chosen; do
    name=${package%%=*}
    version=$(apt-cache madison "$name" | cut -d '|' -f 2 | tr -d ' ' | grep "^\([0-9]*:\)\?$driver\(-\|\$\)" | head -n 1)
    case "$name $version" in
    *fabricmanager*' ') fail "there is no fabric manager for driver $driver" "apt-cache madison $name" ;;
    *fabricmanager* | *nscq*' '?*) packages="$packages $name=$version" ;;
    *nscq*) ;;
    *) packages="$packages $name" ;;
    esac
done
# Words, not one argument: names of packages.
apt_get --allow-change-held-packages --allow-downgrades install --no-install-recommends $packages || exit 1
for package in $packages; do hold_packages "${package%%=*}"; done
start_service nvidia-fabricmanager.service 60 && exit 0
# A machine that got a part of such a board has its switches run by the host: the proof tells.
[ "$switches" = guessed ] && note 'the fabric manager does not run here; if the cards need it, the proof will fail' && exit 0
fail 'the fabric manager does not run, and without it no program can use the cards' 'sudo journalctl -u nvidia-fabricmanager -n 50'
