# send a part of a pack, or objects of LFS: NAME PATH META SUB MODULE BORROWED SKIP COUNT
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || exit 20
if [ -e "$work/lfs" ]; then
    cd "$common/lfs/objects"
    tar -c -f - --null -T "$work/lfs"
else
    tail -c "+$(($7 + 1))" "$own/pack" | head -c "$8"
fi
