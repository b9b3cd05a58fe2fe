# take in objects of LFS, each checked against its name: NAME PATH META SUB MODULE BORROWED [OBJECT]
# `objects` is a tar file of small ones, `object` the content of OBJECT.
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || fail gone
mkdir -p "$work/lfs" "$common/lfs/objects"
[ ! -L "$common/lfs" ] && [ ! -L "$common/lfs/objects" ] || fail occupied
if [ -n "${7-}" ]; then
    mv "$work/object" "$work/lfs/$7"
else
    tar -x -f "$work/objects" -C "$work/lfs"
    rm -f "$work/objects"
fi
(cd "$work/lfs" && find . -type f) >"$work/names"
while read -r path; do
    name=${path##*/}
    [ "$(sha256sum <"$work/lfs/$path" | cut -d ' ' -f 1)" = "$name" ] || fail damaged "$name"
    below=lfs/objects/$(printf %s "$name" | sed 's|^\(..\)\(..\).*|\1/\2|')
    folder=$common/$below
    mkdir -p "$folder"
    [ "$(cd "$folder" && pwd -P)" = "$(cd "$common" && pwd -P)/$below" ] || fail occupied
    mv -f "$work/lfs/$path" "$folder/$name"
done <"$work/names"
say done yes
