# What `ez env go` needs in an image to enter it: sshd, git, sudo and the user envd. $1: the login shell's name.
# The user's ids are the same in every image; the container's init changes them to its owner's at start.

shell=$1
user=envd
home=/home/envd
id=1000

needed="bash chage curl find getent git groupadd less setpriv setsid sshd ssh-keygen sudo tar useradd usermod"
needed="$needed $shell"

install_tools() {
    case $shell in
        bash) extra= ;;
        *) extra=$shell ;;
    esac
    # Services must not start while an image is built.
    policy=/usr/sbin/policy-rc.d
    made_policy=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
        made_policy=1
    fi
    # shellcheck disable=SC2086 # no word where there is no extra package
    install_needed $extra
    want_perl
    [ -z "$made_policy" ] || rm -f "$policy"
    # Host keys made by the package would be the same in every container of this image.
    rm -f /etc/ssh/ssh_host_*
}

# $1: the login shell's package, if it is not bash. An image that has all of it needs no package manager.
install_needed() {
    case $manager in
        apt-get)
            apt_install bash ca-certificates curl git less openssh-client openssh-server procps sudo "$@"
            return
            ;;
        dnf | microdnf | yum)
            # Either of two packages has curl, and they exclude one another.
            command -v curl >/dev/null 2>&1 || set -- curl "$@"
            set -- bash ca-certificates findutils git-core gzip less openssh-clients openssh-server procps-ng \
                shadow-utils sudo tar util-linux "$@"
            ;;
        apk)
            set -- bash ca-certificates coreutils curl findutils git less openssh-client openssh-server procps setpriv \
                shadow sudo "$@"
            ;;
    esac
    # shellcheck disable=SC2086 # words
    if [ -n "$(need $needed)" ]; then
        manager_install "$@" || true
    fi
    # shellcheck disable=SC2086 # words
    lacking=$(need $needed)
    if [ -n "$lacking" ]; then
        echo "ez: this base image cannot be made one to enter; it lacks: $lacking" >&2
        [ -n "$manager" ] || echo "ez: it has no package manager that ez knows: apt, dnf, microdnf, yum or apk" >&2
        echo "ez: use a base image of Debian or Ubuntu, or \`ez build --plain\` for an image that is not entered" >&2
        exit 1
    fi
}

# The one agent socket and what is asked at home are Perl, which Git does not bring along on these distributions. An
# image that cannot have it does without them.
want_perl() {
    ! command -v perl >/dev/null 2>&1 || return 0
    case $manager in
        dnf | microdnf | yum) manager_install perl-interpreter perl-IO perl-Socket || true ;;
        apk) manager_install perl || true ;;
    esac
}

make_user() {
    if getent passwd "$user" >/dev/null; then
        return
    fi
    taken=$(getent passwd "$id" | cut -d: -f1)
    group=$(getent group "$id" | cut -d: -f1)
    if [ -n "$group" ]; then
        groupmod -n "$user" "$group"
    else
        groupadd -g "$id" "$user"
    fi
    if [ -n "$taken" ]; then
        usermod -l "$user" -g "$user" -d "$home" -m "$taken"
    else
        useradd -u "$id" -g "$user" -d "$home" -m -s /bin/bash "$user"
    fi
}

# Members of the group ez may change what ez installs outside of the home, whatever their ids become.
set_up_user() {
    getent group ez >/dev/null || groupadd -r ez
    groups=ez
    for group in sudo wheel; do
        ! getent group "$group" >/dev/null || groups=$groups,$group
    done
    usermod -a -G "$groups" -p '*' -s "$(command -v "$shell")" "$user"
    # Where variables say that the shell is.
    case $shell in
        bash) [ -e /bin/bash ] || ln -s "$(command -v bash)" /bin/bash ;;
        *) [ -e "/usr/bin/$shell" ] || ln -s "$(command -v "$shell")" "/usr/bin/$shell" ;;
    esac
    # Its entry is dated by SOURCE_DATE_EPOCH and must not count as old.
    chage -m 0 -M 99999 -I -1 -E -1 "$user"
    mkdir -p "$home/.config" "$home/.cache"
    chmod 0700 "$home/.config" "$home/.cache"
    chown -R "$user:$user" "$home/.config" "$home/.cache"
    mkdir -p /etc/sudoers.d
    printf '%s\n' "Defaults:$user !secure_path" "$user ALL=(ALL:ALL) NOPASSWD: ALL" >/etc/sudoers.d/envd
    chmod 0440 /etc/sudoers.d/envd
}

install_tools
make_user
set_up_user
set_up_shells
