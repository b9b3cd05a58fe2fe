# send a part of a pack, or of an object of LFS, or small ones whole: NAME PATH META SUB MODULE BORROWED SKIP COUNT [OBJECT]
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || exit 20
if [ -e "$work/lfs" ]; then
    cd "$common/lfs/objects"
    tar -c -f - --null -T "$work/lfs"
    exit
fi
file=$own/pack
[ -z "${9-}" ] || file=$common/lfs/objects/$9
tail -c "+$(($7 + 1))" "$file" | head -c "$8"
