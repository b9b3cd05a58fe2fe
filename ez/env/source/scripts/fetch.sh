# list files of a work tree, or send those named in `send`: NAME
lock "$1"
tree_is_there || fail gone
if [ -e "$work/send" ]; then
    cd "$tree"
    tar -c -z -f - --null --no-recursion -T "$work/send"
    exit 0
fi
list_files "$work/wanted"
say done yes
