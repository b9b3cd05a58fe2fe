# take over what another computer noted of its pair with a directory: the six of `enter`, KEY SERIAL RECORD TREE
enter "$1" "$2" "$3" "$4" "$5" "$6"
shift 6
key=$1 serial=$2 record=$3 state_tree=$4
[ -n "$real" ] || fail gone
objects=$common/objects
own_git unpack-objects -q <"$work/pack"
if [ -n "$record" ] && [ ! -e "$own/records/$key" ]; then
    real_git update-ref "refs/ez/$key" "$record"
    keep_record "$key" "$serial" "$record"
elif [ -n "$state_tree" ] && [ ! -e "$meta/state" ]; then
    real_git update-ref refs/ez/tree "$state_tree"
    cp "$work/state" "$meta/state.new"
    mv -f "$meta/state.new" "$meta/state"
fi
say done yes
