# pack the objects that the other side lacks, and send the first of it: NAME PATH META SUB MODULE BORROWED FIRST SNAPSHOT THEIRS
# The answer is a line with the number of objects and of bytes, then the bytes.
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || exit 20
own_git cat-file --batch-check='%(objectname)' <"$work/haves" | grep -v ' ' | sed 's/^/^/' >"$work/lines" || :
# Git makes differences only to the trees of commits, and to the path under which it meets a file first: its own.
if [ -n "$9" ] && whole "$9"; then
    export GIT_AUTHOR_NAME=ez GIT_AUTHOR_EMAIL=ez@localhost GIT_AUTHOR_DATE='@0 +0000'
    for tree in '' :work; do
        export GIT_COMMITTER_DATE="@${tree:+400000000}0 +0000"
        before=$(own_git commit-tree -m before "$9$tree")
        printf '%s\n^%s\n' "$(own_git commit-tree -m now -p "$before" "$8$tree")" "$before" >>"$work/lines"
    done
    grep -v "^$8" "$work/wants" >>"$work/lines" || :
else
    cat "$work/wants" >>"$work/lines"
fi
own_git pack-objects --revs --thin --stdout --delta-base-offset -q <"$work/lines" >"$own/pack"
printf '%s %s\n' "$(od -A n -t u1 -j 8 -N 4 "$own/pack" | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')" \
    "$(wc -c <"$own/pack" | tr -d ' ')"
head -c "$7" "$own/pack"
