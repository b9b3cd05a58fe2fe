# What `ez env go` needs in an image to enter it: sshd, git, sudo and the user envd. $1: the login shell's name.
# The user's ids are the same in every image; the container's init changes them to its owner's at start.

shell=$1
user=envd
home=/home/envd
id=1000

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
    apt_install bash ca-certificates curl git less openssh-client openssh-server procps sudo $extra
    [ -z "$made_policy" ] || rm -f "$policy"
    # Host keys made by the package would be the same in every container of this image.
    rm -f /etc/ssh/ssh_host_*
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
    usermod -a -G ez,sudo -p '*' -s "$(command -v "$shell")" "$user"
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
