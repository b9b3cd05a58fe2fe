# Unpack the archive to $1, without its one top directory. $2: `share` for what people add to.

rm -rf "$1"
mkdir -p "$1"
tar -xzf "$archive" -C "$1" --strip-components=1 --no-same-owner
[ -z "$2" ] || share "$1"
