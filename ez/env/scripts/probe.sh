# What is there of one environment, read in the same round trip as the computer's facts.
# $1 the environment. Prints `key value` lines.
ez_container=ez-$1
ez_home=$HOME/ez/.ez/$1
# The container can write these files: no links, no pipes, one line of a key.
ez_key=$ez_home/ssh_host_ed25519_key.pub
if [ -f "$ez_key" ] && [ ! -L "$ez_key" ]; then printf 'host-key %s\n' "$(head -c 1000 "$ez_key" | head -n 1)"; fi
ez_keys=$ez_home/authorized_keys
if [ -f "$ez_keys" ] && [ ! -L "$ez_keys" ]; then head -c 100000 "$ez_keys" | sed 's/^/authorized /'; fi
ez_found=$(docker container inspect --format '{{json .}}' "$ez_container" 2>/dev/null) && printf '\ncontainer %s\n' "$ez_found"
if [ -r /var/lib/ez/saved/last ]; then printf 'saved %s\n' "$(head -c 2000 /var/lib/ez/saved/last | head -n 1)"; fi
if [ -n "$ez_found" ]; then
    # A session is a program that sshd has started; a connection kept open without one is none, nor is
    # ez's own watch for ports (ez/env/ports/watching.py).
    ez_sessions=$(docker top "$ez_container" -o pid,ppid,args 2>/dev/null | awk '
        $3 ~ /^sshd/ { servers[$1] = 1 }
        /ez-ports-watch/ { next }
        { parents[$1] = $2; names[$1] = $3 }
        END { for (id in parents) if ((parents[id] in servers) && names[id] !~ /^sshd/) count++; print count + 0 }')
    printf 'sessions %s\n' "$ez_sessions"
fi
true
