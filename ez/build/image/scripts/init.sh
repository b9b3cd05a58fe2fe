#!/bin/sh
# The container's first program after tini, as root: makes the user its owner's, lets sshd in, runs the services.
# EZ_UID, EZ_GID: ids of the owner on the computer (0 is allowed). EZ_WORKDIR: where the repo is mounted.
# /etc/ez/env: a directory of the computer with authorized_keys, known_hosts, gitconfig; gets the host key and log/.

set -eu

library=/usr/local/lib/ez
shared=/etc/ez/env
user=envd
home=/home/envd
log=$shared/log
ready=/run/ez/ready

uid=${EZ_UID:-1000}
gid=${EZ_GID:-1000}
workdir=${EZ_WORKDIR:-$home}

main() {
    mkdir -p /run/ez /run/sshd /etc/ez "$shared" "$log"
    chmod 0755 /run/sshd
    rm -f "$ready"
    become_owner
    chown "$uid:$gid" "$log"
    make_host_key
    xargs -0 "$library/environment" <"/proc/$$/environ"
    link_git
    ln -sfn "$shared/known_hosts" /etc/ssh/ssh_known_hosts
    : >"$ready"
    exec "$library/supervise" "$uid" "$gid" "$workdir" "$log"
}

# Give the user its owner's ids. Edits the two files itself: usermod would change owners below the mounted repo.
# The user's own line comes last: killed before it, the next start does all of this again.
become_owner() {
    old_uid=$(id -u "$user")
    old_gid=$(id -g "$user")
    if [ "$old_uid" = "$uid" ] && [ "$old_gid" = "$gid" ]; then
        return
    fi
    give_away "$home"
    if [ -r "$library/owned" ]; then
        while IFS= read -r path; do
            give_away "$path"
        done <"$library/owned"
    fi
    renumber /etc/group "$gid" "s/^\($user:[^:]*\):[0-9]*:/\1:$gid:/"
    renumber /etc/passwd "$uid" "s/^\($user:[^:]*\):[0-9]*:[0-9]*:/\1:$uid:$gid:/"
}

# Change the owner of what is the image's below $1: nothing that is mounted, nothing that is somebody else's.
give_away() {
    [ -e "$1" ] || return 0
    top=$1
    set --
    while IFS= read -r mounted; do
        set -- "$@" ! -path "$mounted"
    done <<MOUNTS
$(cut -d ' ' -f 5 /proc/self/mountinfo | sed 's/\\040/ /g; s/\\134/\\/g; s/[][*?\\]/\\&/g')
MOUNTS
    find "$top" -xdev -uid "$old_uid" "$@" -exec chown -h "$uid:$gid" {} +
}

# $1: file. $2: the new id. $3: how sed changes the user's line. The line comes first, so that the id shows the
# user's name even where another has it too; but root stays the name of 0.
renumber() {
    changed=$(mktemp "$1.XXXXXX")
    if [ "$2" = 0 ]; then
        sed "$3" "$1" >"$changed"
    else
        { sed -n "/^$user:/p" "$1" | sed "$3"; sed "/^$user:/d" "$1"; } >"$changed"
    fi
    chmod 0644 "$changed"
    mv -f "$changed" "$1"
}

make_host_key() {
    key=$shared/ssh_host_ed25519_key
    if [ ! -s "$key" ]; then
        rm -f "$key" "$key.pub" "$key.new" "$key.new.pub"
        ssh-keygen -q -t ed25519 -N '' -C '' -f "$key.new"
        mv -f "$key.new.pub" "$key.pub"
        mv -f "$key.new" "$key"
    fi
    chmod 0600 "$key"
    chown "$uid:$gid" "$key" "$key.pub"
}

link_git() {
    add_setting include.path "$shared/gitconfig"
    add_setting safe.directory "$workdir"
}

add_setting() {
    git config --system --get-all "$1" 2>/dev/null | grep -qxF -- "$2" || git config --system --add "$1" "$2"
}

main
