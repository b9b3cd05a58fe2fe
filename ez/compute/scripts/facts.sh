# What ez must know of a machine before it works there, in one round trip and without Python on it.
# $1: the word that starts each line meant for ez. Prints `WORD key=value` lines, in any order; everything else on
# the output is noise (a login script's greeting). The rest of the arguments belong to the text that follows this one.
ez_word=$1
shift
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
command -v timeout >/dev/null || timeout() { shift; "$@"; }

ez_say() {
    ez_line=$(printf '%s' "$2" | tr -d '\r' | tr '\n' ' ')
    printf '%s %s=%s\n' "$ez_word" "$1" "$ez_line"
}

# For values that cannot hold a line end, without the cost of two processes.
ez_tell() { printf '%s %s=%s\n' "$ez_word" "$1" "$2"; }

ez_system() (
    ez_release
    ez_tell os.id "${id:-$(uname -s | tr '[:upper:]' '[:lower:]')}"
    ez_tell os.like "$like"
    ez_tell os.version "$release"
    ez_tell os.codename "${ubuntu:-$codename}"
    ez_tell os.name "${name:-$id}"
    ez_tell kernel "$(uname -r)"
    ez_tell arch "$(uname -m)"
    boot=''
    [ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id
    ez_tell boot "$boot"
    ez_tell init "$(ez_init)"
    ez_tell time "$(date +%s)"
    ez_tell user "$(id -un)"
    ez_tell uid "$(id -u)"
    ez_tell gid "$(id -g)"
    ez_tell groups "$(id -Gn)"
    ez_tell home "$HOME"
    reboot=no
    [ -e /run/reboot-required ] && reboot=yes
    ez_tell reboot "$reboot"
)

# os-release(5) is read and not run, so that nothing in it does more than be a wrong name.
ez_release() {
    id='' like='' release='' codename='' ubuntu='' name=''
    [ -r /etc/os-release ] || return
    while IFS='=' read -r key value || [ -n "$key" ]; do
        case "$value" in
        \"*\") value=${value#\"} value=${value%\"} ;;
        \'*\') value=${value#\'} value=${value%\'} ;;
        esac
        case "$key" in
        ID) id=$value ;;
        ID_LIKE) like=$value ;;
        VERSION_ID) release=$value ;;
        VERSION_CODENAME) codename=$value ;;
        UBUNTU_CODENAME) ubuntu=$value ;;
        PRETTY_NAME) name=$value ;;
        esac
    done </etc/os-release
}

ez_init() {
    if [ -d /run/systemd/system ]; then
        echo systemd
    elif [ -d /run/openrc ]; then
        echo openrc
    else
        echo other
    fi
}

ez_size() (
    ez_tell cpus "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 0)"
    total=0 available=0
    [ -r /proc/meminfo ] && while read -r name value _; do
        case "$name" in
        MemTotal:) total=$value ;;
        MemAvailable:) available=$value ;;
        esac
    done </proc/meminfo
    ez_tell memory.total $((total * 1024))
    ez_tell memory.available $((available * 1024))
    ez_tell disk.root "$(ez_free /)"
    ez_tell disk.home "$(ez_free "$HOME")"
    ez_tell disk.packages "$(ez_free /var/cache)"
    ez_tell disk.containerd "$(ez_free /var/lib/containerd)"
)

# ez_free PATH: bytes that an ordinary user may still write there, or in the nearest directory that exists.
ez_free() (
    path=$1
    until [ -d "$path" ]; do path=$(dirname -- "$path"); done
    set -- $(stat -f -c '%a %S' -- "$path" 2>/dev/null)
    echo $((${1:-0} * ${2:-0}))
)

ez_packages() (
    name=''
    for name in apt-get dnf yum apk zypper pacman none; do
        command -v "$name" >/dev/null && break
    done
    held=no interrupted=no
    if [ "$name" = apt-get ]; then
        for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock; do
            # By the number of the file alone: the same number elsewhere costs a short, needless wait.
            number=$(stat -c %i -- "$lock" 2>/dev/null) || continue
            grep -q "POSIX .* WRITE [1-9][0-9]* [0-9a-f:]*:$number " /proc/locks 2>/dev/null && held=yes
        done
        [ -n "$(ls /var/lib/dpkg/updates 2>/dev/null)" ] && interrupted=yes
        grep -q '^Status: .* \(half-installed\|unpacked\|half-configured\|triggers-awaited\|triggers-pending\)$' \
            /var/lib/dpkg/status 2>/dev/null && interrupted=yes
    fi
    ez_tell packages.manager "$name"
    ez_tell packages.held "$held"
    ez_tell packages.interrupted "$interrupted"
    first_boot=absent
    if command -v cloud-init >/dev/null && [ -d /run/cloud-init ] && [ ! -e /run/cloud-init/disabled ]; then
        first_boot=running
        [ -e /run/cloud-init/result.json ] && first_boot=done
    fi
    ez_tell cloud_init "$first_boot"
    preparing=no
    if [ -e /run/ez/prepare.lock ] && command -v flock >/dev/null; then
        flock -s -n /run/ez/prepare.lock true 2>/dev/null || preparing=yes
    fi
    ez_tell preparing "$preparing"
    version=$(git --version 2>/dev/null) || version=''
    ez_say git "${version#git version }"
)

# Of NVIDIA's and AMD's devices (10de and 1002, pci-ids): display controllers (classes 0300 VGA and 0302 3D, with AMD also
# 0380 and 1200) with the kernel driver that has them, and how many of NVIDIA's are bridges between cards (0680, an HGX
# board's NVSwitch).
ez_gpus() (
    found='' switches=0 nvidia=no
    for device in /sys/bus/pci/devices/*; do
        vendor='' class='' model='' part='' driver=''
        [ -r "$device/vendor" ] && read -r vendor <"$device/vendor"
        case "$vendor" in 0x10de | 0x1002) ;; *) continue ;; esac
        read -r class <"$device/class"
        case "$vendor $class" in
        *' 0x0300'* | *' 0x0302'* | '0x1002 0x0380'* | '0x1002 0x1200'*) ;;
        '0x10de 0x0680'*) switches=$((switches + 1)) && continue ;;
        *) continue ;;
        esac
        [ "$vendor" = 0x10de ] && nvidia=yes
        read -r model <"$device/device"
        [ -r "$device/subsystem_device" ] && read -r part <"$device/subsystem_device"
        [ -e "$device/driver" ] && driver=$(readlink "$device/driver")
        found="$found ${device##*/}/${vendor#0x}/${model#0x}/${part#0x}/${driver##*/}"
    done
    ez_tell gpus "$found"
    ez_tell switches "$switches"
    line='' version=''
    [ -r /proc/driver/nvidia/version ] && read -r line </proc/driver/nvidia/version
    for word in $line; do
        case "$word" in [0-9]*.[0-9]*) version=$word && break ;; esac
    done
    ez_tell nvidia.version "$line"
    ez_driver
    ez_toolkit
)

# The driver that is installed, for the kernel that runs, and where it came from.
ez_driver() {
    installed='' packages='' fabric=no
    if [ "$nvidia" = yes ] || [ -n "$version" ]; then
        installed=$(modinfo -F version nvidia 2>/dev/null)
        [ -e /usr/bin/nv-fabricmanager ] && systemctl is-active --quiet nvidia-fabricmanager 2>/dev/null && fabric=yes
    fi
    ez_say nvidia.installed "$installed"
    if grep -q '^Package: .*nvidia' /var/lib/dpkg/status 2>/dev/null; then
        packages=$(awk '
            $1 == "Package:" { name = $2 }
            $1 == "Status:" { want = $2; state = $4 }
            $1 == "Version:" && state == "installed" &&
                name ~ /^(cuda-drivers|linux-modules-nvidia|nvidia-(driver|open|kernel|headless|dkms|utils|tesla|legacy|fabricmanager|persistenced|compute-utils))/ {
                print name "/" $2 "/" want
            }' /var/lib/dpkg/status | head -c 3500)
    fi
    ez_say nvidia.packages "$packages"
    runfile=no windows=no persistence=no proof=''
    [ -e /usr/bin/nvidia-uninstall ] && runfile=yes
    [ -e /usr/lib/wsl/lib/libcuda.so.1 ] && windows=yes
    [ -S /run/nvidia-persistenced/socket ] && persistence=yes
    [ -r /var/lib/ez/gpu-proof ] && read -r proof </var/lib/ez/gpu-proof
    ez_tell nvidia.runfile "$runfile"
    ez_tell nvidia.windows "$windows"
    ez_tell nvidia.fabric "$fabric"
    ez_tell nvidia.persistence "$persistence"
    ez_tell nvidia.proof "$proof"
}

# The container toolkit, and whether a CDI specification is that of the driver that is loaded.
ez_toolkit() {
    toolkit='' cdi=no
    if command -v nvidia-ctk >/dev/null; then
        toolkit=$(nvidia-ctk --version 2>/dev/null)
    elif command -v nvidia-container-runtime >/dev/null; then
        toolkit='version 0.0'
    fi
    ez_say nvidia.toolkit "$toolkit"
    if [ -n "$version" ]; then
        for file in /etc/cdi/*nvidia* /var/run/cdi/*nvidia*; do
            grep -q "\.so\.$version\($\|[^.0-9]\)" "$file" 2>/dev/null && cdi=yes
        done
    fi
    ez_tell nvidia.cdi "$cdi"
}

# What a driver has to be built for and may be refused by.
ez_kernel() (
    running=$(uname -r)
    flavour=$(ez_flavour "$running")
    newest=$(for folder in /lib/modules/*; do
        name=${folder##*/}
        [ -e "/boot/vmlinuz-$name" ] && [ "$(ez_flavour "$name")" = "$flavour" ] && printf '%s\n' "$name"
    done | sort -V 2>/dev/null | tail -n 1)
    headers=no
    [ -e "/lib/modules/$running/build/Makefile" ] && headers=yes
    ez_say kernel.newest "$newest"
    ez_tell kernel.headers "$headers"
    secure_boot=off
    if [ -d /sys/firmware/efi ]; then
        # Four bytes of attributes, then the value (efivarfs).
        value=$(od -A n -t u1 -j 4 -N 1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 2>/dev/null)
        case "$value" in *1*) secure_boot=on ;; *0*) ;; *) secure_boot=unknown ;; esac
    fi
    ez_tell secure_boot "$secure_boot"
    ez_tell place "$(ez_place "$running")"
    made=''
    for name in sys_vendor product_name chassis_asset_tag; do
        value=''
        [ -r "/sys/class/dmi/id/$name" ] && read -r value <"/sys/class/dmi/id/$name"
        made="$made$value|"
    done
    ez_say machine "$made"
)

# ez_flavour KERNEL: `azure` of `6.8.0-1021-azure`, `cloud-amd64` of `6.1.0-37-cloud-amd64` and `6.12.41+deb13-cloud-amd64`.
ez_flavour() (
    rest=${1#*-}
    case "$rest" in [0-9]*-*) rest=${rest#*-} ;; esac
    printf '%s' "$rest"
)

# A container counts as one where nobody may load modules (CAP_SYS_MODULE, bit 16 of the bounding set).
ez_place() {
    case "$1" in *[Mm]icrosoft*) echo wsl && return ;; esac
    if [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -e /run/systemd/container ]; then
        bounds=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status 2>/dev/null)
        [ $((0x${bounds:-0} >> 16 & 1)) = 1 ] || { echo container && return; }
    fi
    echo machine
}

# What ez left there, and whether the machine has a proxy of its own; never its text, which may hold a password.
ez_kept() (
    unfinished=no watchdog='' proxy=no
    [ -e /etc/systemd/system/ez-prepare.service ] && unfinished=yes
    [ -r /etc/ez/watchdog.conf ] && read -r watchdog </etc/ez/watchdog.conf
    if [ -n "${http_proxy:-}${https_proxy:-}${HTTP_PROXY:-}${HTTPS_PROXY:-}" ] ||
        grep -qsi '^[^#]*https\{0,1\}_proxy=.' /etc/environment ||
        grep -qsi '^[^#/]*Acquire::[^ ]*Proxy' /etc/apt/apt.conf /etc/apt/apt.conf.d/*; then
        proxy=yes
    fi
    ez_tell unfinished "$unfinished"
    ez_tell watchdog "$watchdog"
    ez_tell proxy "$proxy"
)

ez_format='{{.ServerVersion}}|{{.Driver}}|{{.DockerRootDir}}|{{.DriverStatus}}|{{range $name, $_ := .Runtimes}}{{$name}} {{end}}|{{.SecurityOptions}}|{{range .RegistryConfig.Mirrors}}{{.}} {{end}}|{{.ContainersRunning}}'

ez_docker() (
    client=$(command -v docker 2>/dev/null) || client=''
    daemon=no
    command -v dockerd >/dev/null && daemon=yes
    ez_tell docker.daemon "$daemon"
    if [ -n "$client" ]; then
        ez_docker_client &
    else
        ez_tell docker.client ''
        ez_tell docker.path ''
        ez_tell docker.host ''
    fi
    info='' state=absent
    if [ -n "$client" ]; then
        # Quotes in a message of the engine do no harm: nothing of it is evaluated.
        info=$(timeout 15 docker info --format "$ez_format" 2>&1)
        state=$(ez_engine_state $? "$info" "$daemon")
    elif [ "$daemon" = yes ] || [ -S /var/run/docker.sock ]; then
        state=headless
    fi
    git=$(command -v git) || git=''
    sudo=unasked
    if [ "$state" != user ] || [ -z "$git" ] || [ "$(id -u)" = 0 ] || ez_has_new_cards; then
        sudo=$(ez_sudo)
    fi
    if [ "$state" = denied ] && [ "$sudo" = passwordless ]; then
        info=$(timeout 15 sudo -n docker info --format "$ez_format" 2>/dev/null)
        state=$(ez_engine_state $? "$info" "$daemon")
        [ "$state" = user ] && state=sudo
    fi
    case "$state" in user | sudo) ;; *) info='' ;; esac
    info=$(printf '%s\n' "$info" | grep '^[0-9][^|]*|[^|]')
    ez_say docker.info "$info"
    ez_tell docker.engine "$state"
    ez_tell docker.config "$(ez_engine_config "$sudo")"
    ez_tell sudo "$sudo"
    root=${info#*|*|}
    root=${root%%|*}
    ez_tell disk.docker "$(ez_free "${root:-/var/lib/docker}")"
    wait
)

# Cards of which nobody has yet proved that containers can use them.
ez_has_new_cards() {
    [ ! -e /var/lib/ez/gpu-proof ] && grep -qs '^0x10de' /sys/bus/pci/devices/*/vendor
}

ez_docker_client() {
    ez_say docker.client "$(docker --version 2>/dev/null)"
    ez_tell docker.path "$(readlink -f "$client")"
    ez_say docker.host "$(ez_engine_address)"
}

# The client is only asked where something else than its default may be chosen: each start of it takes a while.
ez_engine_address() {
    if [ -n "${DOCKER_HOST:-}" ]; then
        echo "$DOCKER_HOST"
    elif [ -n "${DOCKER_CONTEXT:-}" ] || grep -q '"currentContext"' "${DOCKER_CONFIG:-$HOME/.docker}/config.json" 2>/dev/null; then
        timeout 5 docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null
    fi
}

# The engine's settings in base64, short enough for one line; a longer file and a hidden one are only told of.
ez_engine_config() (
    file=/etc/docker/daemon.json
    [ -e "$file" ] || return 0
    sudo=''
    [ -r "$file" ] || sudo='sudo -n'
    [ -z "$sudo" ] || [ "$1" = passwordless ] || { echo hidden; return; }
    # Words, not one argument: a command.
    text=$($sudo base64 "$file" | tr -d '\n')
    if [ "${#text}" -le 3740 ]; then echo "$text"; else echo long; fi
)

# ez_engine_state STATUS OUTPUT DAEMON
ez_engine_state() {
    if [ "$1" = 124 ]; then
        echo silent
        return
    fi
    if [ "$1" = 0 ] && printf '%s\n' "$2" | grep -q '^[0-9][^|]*|[^|]'; then
        echo user
        return
    fi
    case "$2" in
    *'permission denied'*) ez_service_runs && echo denied || echo stopped ;;
    *) [ "$3" = yes ] && echo stopped || echo absent ;;
    esac
}

# Without systemd a socket that refuses this user is taken for a running engine's.
ez_service_runs() {
    [ ! -d /run/systemd/system ] || systemctl is-active --quiet docker.service || pidof dockerd >/dev/null
}

ez_sudo() {
    [ "$(id -u)" = 0 ] && { echo root; return; }
    command -v sudo >/dev/null || { echo none; return; }
    answer=$(timeout 10 sudo -n true 2>&1) && { echo passwordless; return; }
    case "$answer" in
    *'password is required'* | *'askpass'* | *'a terminal is required'*) echo password ;;
    *) echo none ;;
    esac
}

# Where buildkitd listens by itself, as root and as the user.
ez_buildkit() (
    address=''
    for socket in /run/buildkit/buildkitd.sock "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/buildkit/buildkitd.sock"; do
        [ -z "$address" ] && [ -S "$socket" ] && [ -w "$socket" ] && address=unix://$socket
    done
    ez_tell buildkit.socket "$address"
    ez_say buildkit.host "${BUILDKIT_HOST:-}"
)

# The parts run side by side: their lines are shorter than what a pipe takes at once, so they never mix.
ez_docker &
ez_buildkit &
ez_packages &
ez_gpus &
ez_kernel &
ez_kept &
ez_size &
ez_system &
