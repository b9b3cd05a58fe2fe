# have the programs that save work before this computer rests, from a gzipped tar file on stdin; its watchdog calls `keep`
set -eu
umask 077
place=$HOME/ez/.ez/.source
mkdir -p "$place"
fresh=$(mktemp -d "$place/.keeper.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
tar -x -z -f - -C "$fresh"
rm -rf "$place/.keeper.old"
[ ! -d "$place/.keeper" ] || mv "$place/.keeper" "$place/.keeper.old"
mv "$fresh" "$place/.keeper"
rm -rf "$place/.keeper.old"
