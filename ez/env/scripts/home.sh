# Write what the environment's container reads at each start: $1 environment, $2 public keys that may log in (added
# to those that are there), $3 known_hosts lines, $4 Git configuration, $5 directories to have. Standard input are the authorities to trust.
# What runs in the container can write to this directory, so that nothing found in it is followed or trusted.
set -eu
umask 077
directory=$HOME/ez/.ez/$1
mkdir -p "$directory"
# The same lock as at the container's start: of two people's keys none may get lost.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$HOME/ez/.ez/.ez-$1.lock"
    flock -w 120 9
fi
draft=$(mktemp -d "$HOME/ez/.ez/.home.XXXXXX")
trap 'rm -rf "$draft"' EXIT

keys=$directory/authorized_keys
[ ! -f "$keys" ] || [ -L "$keys" ] || head -c 1000000 "$keys" >"$draft/authorized_keys"
touch "$draft/authorized_keys"
printf '%s\n' "$2" | while IFS= read -r key; do
    [ -z "$key" ] || grep -qxF -e "$key" "$draft/authorized_keys" || printf '%s\n' "$key" >>"$draft/authorized_keys"
done
printf '%s\n' "$3" >"$draft/known_hosts"
printf '%s\n' "$4" >"$draft/gitconfig"
cat >"$draft/ca.pem"
chmod 644 "$draft"/*
for name in authorized_keys known_hosts gitconfig ca.pem; do
    if [ -d "$directory/$name" ] && [ ! -L "$directory/$name" ]; then rm -rf -- "${directory:?}/$name"; fi
    mv -fT "$draft/$name" "$directory/$name"
done
if [ -L "$directory/log" ] || [ ! -d "$directory/log" ]; then rm -f "$directory/log" && mkdir "$directory/log"; fi
chmod 755 "$directory" "$directory/log"
printf '%s\n' "${5-}" | while IFS= read -r path; do
    [ -z "$path" ] || [ -e "$path" ] || mkdir -p -- "$path"
done
