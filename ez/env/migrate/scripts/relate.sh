# say how commits relate, and what differs from the trees of a base: NAME PATH META SUB MODULE BORROWED WORK STAGED STATE
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || fail gone
if [ -s "$work/pairs" ]; then
    while read -r older newer; do
        if ! own_git cat-file -e "$older^{commit}" 2>/dev/null || ! own_git cat-file -e "$newer^{commit}" 2>/dev/null; then
            say related "$older $newer unknown"
        elif own_git merge-base --is-ancestor "$older" "$newer"; then
            say related "$older $newer yes"
        else
            say related "$older $newer no"
        fi
    done <"$work/pairs"
fi
if [ -n "$7" ]; then
    [ "$7" != empty ] || set -- "$1" "$2" "$3" "$4" "$5" "$6" "$empty_tree" "$empty_tree" "${9-}"
    for object in "$7" "$8"; do
        if ! whole "$object^{tree}"; then
            say no-base "$object"
            say done yes
            exit 0
        fi
    done
    say base-parts "$empty_blob $(own_git rev-parse "$8^{tree}") ${9:-$empty_tree} $(own_git rev-parse "$7^{tree}")"
    say_changes "$(own_git rev-parse "$7^{tree}")" "$(own_git rev-parse "$8^{tree}")" "${9:-$empty_tree}"
fi
say done yes
