#!/bin/sh
# Take secrets from standard input into memory: /run/secrets is a tmpfs. As root. $1: the user who may read them.
# The input has records of three lines: `file` or `variable`, the name, the value in base64. What was there and is not
# in it goes. Values are in no argument and in no variable of a process.

set -eu
umask 077

directory=/run/secrets
user=$1
uid=$(id -u "$user")
gid=$(id -g "$user")
draft=$directory/.draft
settings=/etc/ez/sshd_config
plain=
escaped=
newline='
'

main() {
    is_in_memory || { echo "ez-no-tmpfs" >&2; exit 1; }
    # A command of the person and the kept connection may both bring them.
    if command -v flock >/dev/null 2>&1; then
        exec 9>/run/ez/secrets.lock
        flock -w 50 9 || { echo "ez-busy" >&2; exit 1; }
    fi
    rm -rf "$draft"
    mkdir -m 0700 "$draft"
    : >"$draft/.variables"
    while IFS= read -r kind && IFS= read -r name && IFS= read -r value; do
        case $name in '' | .* | *[!A-Za-z0-9_.-]*) echo "ez-bad-name" >&2 && exit 1 ;; esac
        case $kind in
            file) printf '%s' "$value" | base64 -d >"$draft/$name" ;;
            variable) keep_variable "$name" "$value" ;;
        esac
    done
    for_sshd
    for path in "$directory"/*; do
        if [ -e "$path" ]; then rm -rf "$path"; fi
    done
    for path in "$draft"/*; do
        [ -e "$path" ] || continue
        chown "$uid:$gid" "$path"
        chmod 0400 "$path"
        mv -f "$path" "$directory/"
    done
    chown "$uid:$gid" "$draft/.variables"
    chmod 0400 "$draft/.variables"
    mv -f "$draft/.variables" "$draft/.sshd_config" "$directory/"
    rmdir "$draft"
}

is_in_memory() {
    [ "$(awk -v place="$directory" '$5 == place { for (i = 6; i <= NF; i++) if ($i == "-") print $(i + 1) }' \
        /proc/self/mountinfo | tail -n 1)" = tmpfs ]
}

# A line of shell for sessions and services, and a word for sshd. printf is the shell's own: no process has the value
# as an argument.
keep_variable() {
    decoded=$(printf '%s' "$2" | base64 -d; printf .)
    decoded=${decoded%.}
    printf "export %s='%s'\n" "$1" "$(printf '%s' "$decoded" | sed "s/'/'\\\\''/g"; printf .)" |
        sed "\$s/\\.'\$/'/" >>"$draft/.variables"
    case $decoded in
        *"$newline"*) ;; # No line of sshd's settings; the shell that it starts reads them.
        *[\\\"]*) escaped="$escaped $1=\"$(printf '%s' "$decoded" | sed 's/[\\"]/\\&/g')\"" ;;
        *) plain="$plain $1=\"$decoded\"" ;;
    esac
}

# sshd's settings with the variables for sessions that are not of a login shell: of two of a name the first counts.
# Before 8.7 sshd knew no escapes within quotes; there such values are in shells only.
for_sshd() {
    write_settings "$plain$escaped" >"$draft/.sshd_config"
    /usr/sbin/sshd -t -f "$draft/.sshd_config" 2>/dev/null || write_settings "$plain" >"$draft/.sshd_config"
}

write_settings() {
    grep -v '^SetEnv' "$settings"
    printf 'SetEnv%s%s\n' "$1" "$(sed -n 's/^SetEnv//p' "$settings" | head -n 1)"
}

main
