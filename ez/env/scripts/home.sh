# Write what the environment's container reads at each start: $1 environment, $2 public keys that may log in (added
# to those that are there), $3 known_hosts lines, $4 Git configuration. Standard input are the authorities to trust.
set -eu
umask 077
directory=$HOME/ez/.ez/$1
mkdir -p "$directory/log"
write() { printf '%s\n' "$2" >"$1.new.$$" && chmod 644 "$1.new.$$" && mv -f "$1.new.$$" "$1"; }
# What runs in the container may write here: a link that it made must lead nowhere.
[ ! -L "$directory/authorized_keys" ] || rm -f "$directory/authorized_keys"
touch "$directory/authorized_keys"
printf '%s\n' "$2" | while IFS= read -r key; do
    [ -z "$key" ] || grep -qxF -e "$key" "$directory/authorized_keys" || printf '%s\n' "$key" >>"$directory/authorized_keys"
done
chmod 644 "$directory/authorized_keys"
cat >"$directory/ca.pem.new.$$" && chmod 644 "$directory/ca.pem.new.$$" && mv -f "$directory/ca.pem.new.$$" "$directory/ca.pem"
write "$directory/known_hosts" "$3"
write "$directory/gitconfig" "$4"
chmod 755 "$directory" "$directory/log"
