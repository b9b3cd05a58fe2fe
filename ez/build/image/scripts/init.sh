#!/bin/sh
# The container's first program after tini, as root: makes the user its owner's, lets sshd in, runs the services.
# EZ_UID, EZ_GID: ids of the owner on the computer (0 is allowed). EZ_WORKDIR: where the repo is mounted.
# EZ_SECRETS: not empty where services need secrets, which are handed over when sshd lets in.
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
    lead_home
    xargs -0 "$library/environment" <"/proc/$$/environ"
    link_git
    ln -sfn "$shared/known_hosts" /etc/ssh/ssh_known_hosts
    : >"$ready"
    await_secrets
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

# Where kept connections end, and the one agent socket that leads to the newest of them. Perl comes with git.
lead_home() {
    rm -rf /run/ez/link /run/ez/agent.sock
    mkdir -m 0700 /run/ez/link
    mkdir -p -m 0755 /run/ez/agent
    chown "$uid:$gid" /run/ez/link /run/ez/agent
    command -v perl >/dev/null 2>&1 || return 0
    ln -sfn agent/socket /run/ez/agent.sock
    (
        while :; do
            as_user "$library/relay" /run/ez/agent/socket >/run/ez/relay.log 2>&1 || true
            sleep 1
        done
    ) &
    ln -sfn "$library/ask-registry" /usr/local/bin/docker-credential-ez
    if [ ! -e "$home/.docker" ] && [ ! -L "$home/.docker" ]; then
        as_user sh -c 'umask 077; mkdir "$1" && echo "{\"credsStore\":\"ez\"}" >"$1/config.json"' sh "$home/.docker" || true
    fi
}

as_user() {
    setpriv --reuid "$uid" --regid "$gid" --init-groups env HOME="$home" USER="$user" LOGNAME="$user" "$@"
}

# At most half a minute: after a restart of the computer nobody at home may be there to hand them over.
await_secrets() {
    waited=0
    while [ -n "${EZ_SECRETS-}" ] && [ ! -e /run/secrets/.variables ] && [ "$waited" -lt 300 ]; do
        waited=$((waited + 1))
        sleep 0.1
    done
}

link_git() {
    add_setting include.path "$shared/gitconfig"
    add_setting safe.directory "$workdir"
    ! command -v perl >/dev/null 2>&1 || add_setting credential.helper "$library/ask git"
}

add_setting() {
    git config --system --get-all "$1" 2>/dev/null | grep -qxF -- "$2" || git config --system --add "$1" "$2"
}

main
