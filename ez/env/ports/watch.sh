# Tell which TCP ports are listened on, one line for each change: PORT/FAMILY/PROGRAM[/REASON] ... Ends with its stdin.
# $1: seconds between looks, or `once`. $2: how many ports at most.
#
# FAMILY is 0 for all addresses, 4 for 127.0.0.1 alone and 6 for ::1 alone. REASON is why a port is none of a person's:
# `address` of one that is reached by another address than this container's own loopback; `kernel`, `editor` and
# `debugger` of those that such programs open for themselves, which are among the ports that the kernel gives away.
# Ports of sshd are left out. A port that the kernel may have given away counts from the second look on: most of those
# are gone by then.

# PORT FAMILY USER INODE of each, lowest first; FAMILY is 9 for other addresses.
listening() {
    awk '
        function number(hex,    i, n) {
            for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
            return n
        }
        $4 == "0A" {
            split($2, place, ":")
            if (place[1] ~ /^0+$/) family = 0
            else if (place[1] ~ /^(0100007F|0+FFFF00000100007F)$/) family = 4
            else if (place[1] ~ /^0+01000000$/) family = 6
            else family = 9
            port = number(place[2])
            if (port != 22) print port, family, $8, $10
        }' /proc/net/tcp /proc/net/tcp6 2>/dev/null | sort -n -k 1,1 -k 2,2 | awk -v most="$1" '!seen[$1]++ && ++count <= most'
}

# Of the ports of the second list those that count, where the first one is what the look before saw.
settled() {
    printf '%s\n.\n%s\n' "$1" "$2" | awk -v low="$low" '
        $1 == "." { second = 1; next }
        !second { seen[$1, $4] = 1; next }
        $1 != "" && ($1 < low || ($1, $4) in seen)'
}

# The same with the process that has each, 0 where none may be looked into. One pass over all processes.
owned() {
    {
        printf '%s\n.\n' "$1"
        ls -l /proc/[0-9]*/fd 2>/dev/null
    } | awk '
        !second && $1 == "." { second = 1; next }
        !second { if ($1 != "") { line[++count] = $0; wanted[$4] = count }; next }
        /^\/proc\/[0-9]+\/fd:$/ { split($0, part, "/"); process = part[3]; next }
        match($0, /socket:\[[0-9]+\]$/) {
            inode = substr($0, RSTART + 8, RLENGTH - 9)
            if (inode in wanted && !(wanted[inode] in owner)) owner[wanted[inode]] = process
        }
        END { for (i = 1; i <= count; i++) print line[i], (i in owner) ? owner[i] : 0 }'
}

# Why a port of the process $1 is none of a person's, by the line it was started with.
reason() {
    line=$(tr '\0\n' '  ' 2>/dev/null <"/proc/$1/cmdline" | head -c 4000)
    case $line in
        *ipykernel* | */jupyter/runtime/kernel-*) echo kernel ;;
        *debugpy* | *pydevd* | *vscode-js-debug*) echo debugger ;;
        */.vscode-server* | */.vscode-remote* | */.cursor-server* | */.windsurf-server* | */.vscodium-server* | */.positron-server* | \
            */JetBrains/RemoteDev/* | */code-server/* | */openvscode-server/*) echo editor ;;
    esac
}

told() {
    while read -r port family owner inode process; do
        name= why=
        if [ "$process" != 0 ]; then
            # In one piece: a shell that reads a file of /proc byte by byte may get the first one alone.
            name=$(cat "/proc/$process/comm" 2>/dev/null)
            case $name in *[!A-Za-z0-9._-]*) name=$(printf %s "$name" | tr -cd 'A-Za-z0-9._-') ;; esac
        fi
        # A socket of this user that none of their programs has is one of sshd, which nobody may look into.
        [ -n "$name" ] || [ "$owner" != "$user" ] || continue
        case $name in sshd | sshd-session) continue ;; esac
        if [ "$family" = 9 ]; then
            family=0 why=address
        elif [ "$port" -ge "$low" ] && [ "$process" != 0 ]; then
            why=$(reason "$process")
        fi
        printf '%s/%s/%s%s ' "$port" "$family" "$name" "${why:+/$why}"
    done
    echo
}

tell() {
    owned "$1" | told
}

watch() {
    before=none earlier=
    while now=$(listening "$2"); do
        counted=$(settled "$earlier" "$now")
        earlier=$now
        if [ "$counted" != "$before" ]; then
            tell "$counted"
            before=$counted
        fi
        sleep "$1" || exit
    done
}

user=$(id -u)
range=$(cat /proc/sys/net/ipv4/ip_local_port_range 2>/dev/null)
low=${range%%[!0-9]*}
low=${low:-32768}
if [ "$1" = once ]; then
    tell "$(listening "$2")"
    exit
fi
watch "$1" "$2" </dev/null &
watcher=$!
trap 'kill "$watcher" 2>/dev/null' EXIT
cat >/dev/null
