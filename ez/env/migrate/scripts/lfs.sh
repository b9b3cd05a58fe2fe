# take in objects of LFS, each checked against its name: NAME PATH META SUB MODULE BORROWED
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || fail gone
mkdir -p "$work/lfs" "$common/lfs/objects"
[ ! -L "$common/lfs" ] && [ ! -L "$common/lfs/objects" ] || fail occupied
tar -x -f "$work/objects" -C "$work/lfs"
rm -f "$work/objects"
(cd "$work/lfs" && find . -type f) | while read -r path; do
    name=${path##*/}
    [ "$(sha256sum <"$work/lfs/$path" | cut -d ' ' -f 1)" = "$name" ] || fail damaged "$name"
    folder=$common/lfs/objects/$(printf %s "$name" | sed 's|^\(..\)\(..\).*|\1/\2|')
    mkdir -p "$folder"
    mv -f "$work/lfs/$path" "$folder/$name"
done
say done yes
