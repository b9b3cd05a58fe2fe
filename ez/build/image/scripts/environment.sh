#!/bin/sh
# Write what sessions see: /etc/ez/sshd_config and /etc/profile.d/zz-ez.sh. $@: the container's NAME=VALUE pairs.

set -eu

settings=/etc/ez/sshd_config
profile=/etc/profile.d/zz-ez.sh
agent=/run/ez/agent.sock
secrets=/run/secrets/.variables
newline='
'

main() {
    assignments=
    plain=
    exports=
    for pair in "$@"; do
        name=${pair%%=*}
        value=${pair#*=}
        if is_for_sessions "$name"; then
            exports="${exports}export $name='$(escape "s/'/'\\\\''/g" "$value")'$newline"
            # A line of sshd's settings cannot hold a line end.
            case $value in
                *"$newline"*) ;;
                *[\\\"]*) assignments="$assignments $name=\"$(escape 's/[\\"]/\\&/g' "$value")\"" ;;
                *) plain="$plain $name=\"$value\"" ;;
            esac
        fi
    done
    if [ -L "$agent" ]; then
        plain="$plain SSH_AUTH_SOCK=\"$agent\""
    fi
    mkdir -p "${profile%/*}"
    {
        printf '%s' "$exports"
        # shellcheck disable=SC2016 # for the shell that logs in
        printf '[ ! -r %s ] || . %s\n' "$secrets" "$secrets"
        # Whoever logs in to work begins in the repo.
        printf "case \$-:\$PWD in *i*:\$HOME) cd '%s' ;; esac\n" "$(escape "s/'/'\\\\''/g" "${EZ_WORKDIR:-$HOME}")"
    } >"$profile.new"
    mv -f "$profile.new" "$profile"
    for file in /etc/bash.bashrc /etc/zsh/zshenv; do
        [ ! -f "$file" ] || read_secrets_in "$file"
    done
    # Before 8.7 sshd knew no escapes within quotes; there such values are in login shells only.
    write_settings "$plain$assignments" >"$settings.new"
    /usr/sbin/sshd -t -f "$settings.new" || write_settings "$plain" >"$settings.new"
    mv -f "$settings.new" "$settings"
}

# What bash and zsh of Debian begin with, also for a command over SSH. Values of several lines come in no other way.
# A shell within a shell keeps what it was given.
read_secrets_in() {
    ! grep -qF "$secrets" "$1" || return 0
    {
        # shellcheck disable=SC2016 # for the shell that begins
        printf '[ ! -r %s ] || case $-:${SHLVL:-1} in *i*:* | *:1) . %s ;; esac\n' "$secrets" "$secrets"
        cat "$1"
    } >"$1.ez-new"
    chmod 0644 "$1.ez-new"
    mv -f "$1.ez-new" "$1"
}

# Not what describes this process, nor names that a shell cannot have.
is_for_sessions() {
    case $1 in
        '' | [0-9]* | *[!A-Za-z0-9_]*) return 1 ;;
        EZ_* | HOME | HOSTNAME | LOGNAME | OLDPWD | PWD | SHELL | SHLVL | TERM | USER | _) return 1 ;;
        LD_* | SSH_*) return 1 ;;
    esac
}

# $2 changed by the sed program $1; line ends at its end are kept.
escape() {
    changed=$(printf '%s.' "$2" | sed "$1")
    printf '%s' "${changed%.}"
}

write_settings() {
    cat <<'SETTINGS'
HostKey /etc/ez/env/ssh_host_ed25519_key
AuthorizedKeysFile /etc/ez/env/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel ERROR
Subsystem sftp internal-sftp
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
AllowAgentForwarding yes
StreamLocalBindUnlink yes
MaxSessions 100
ClientAliveInterval 30
ClientAliveCountMax 4
PidFile none
PrintMotd no
PrintLastLog no
X11Forwarding no
AcceptEnv LANG LC_* COLORTERM
SETTINGS
    [ -z "$1" ] || printf 'SetEnv%s\n' "$1"
}

main "$@"
