# say what is on this computer of a carried work tree: NAME
lock "$1"
say git "$(git --version)"
if ! tree_is_there; then
    forget
    say tree absent
    say path "$tree"
    say done yes
    exit 0
fi
if [ "$(cat "$meta/source")" = migrate ]; then say migrated yes; else come_from carry; fi
use "$tree/.git"
say tree here
say path "$tree"
say_pending || :
say state "$(cat "$meta/state" 2>/dev/null)"
say head "$(real_git symbolic-ref -q HEAD)"
say commit "$(real_git rev-parse -q --verify 'HEAD^{commit}' 2>/dev/null)"
real_git for-each-ref --format='ref %(objectname) %(refname)%00' | tr -d '\n'
if [ -e "$shadow/shallow" ]; then
    say shallow "$(cat "$shadow/shallow")"
fi
rm -f "$work/index.now"
[ ! -f "$real/index" ] || cp -p "$real/index" "$work/index.now"
say index "$(index_git "$work/index.now" write-tree 2>/dev/null || echo unmerged)"
if [ -e "$meta/state" ] && is_edited; then
    say edited yes
fi
if [ -e "$work/wanted" ]; then
    list_files "$work/wanted"
fi
say done yes
