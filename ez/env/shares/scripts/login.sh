# Keep what logs in to a share, as root: $1 its name, $2 `keep` for /etc, where it outlives a restart, else memory.
# Standard input are the lines; none of them forget it. Shares that wait for it are started anew.
set -eu
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p -m 755 /run/ez /etc/ez
mkdir -p -m 700 /run/ez/credentials /etc/ez/credentials
folder=/run/ez/credentials
[ "$2" != keep ] || folder=/etc/ez/credentials
draft=$(mktemp "$folder/.new.XXXXXX")
trap 'rm -f "$draft"' EXIT
cat >"$draft"
rm -f "/run/ez/credentials/$1" "/etc/ez/credentials/$1"
[ ! -s "$draft" ] || mv "$draft" "$folder/$1"
for conf in /etc/ez/shares/*.conf; do
    [ -f "$conf" ] && grep -qxF "credential=$1" "$conf" || continue
    instance=${conf##*/}
    instance=${instance%.conf}
    systemctl restart --no-block "ez-share@$instance.service"
    echo "$instance"
done
