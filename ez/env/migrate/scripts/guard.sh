# programs_of FILE NAME: what a file of an unfinished operation would have Git run when it goes on, line by line.
# After Git's sequencer.c (commands of a todo list; a strategy is the program `git-merge-NAME`), builtin/am.c (options of
# git-apply) and git-bisect (paths that are shell words).
programs_of() {
    case $2 in
        */git-rebase-todo* | */done | */todo) grep -aE '^[[:space:]]*(exec|x)([[:space:]]|$)' "$1" || : ;;
        */strategy) grep -avxE '(recursive|ort|resolve|octopus|ours|subtree)?' "$1" || : ;;
        */opts) grep -aiE 'strategy[[:space:]]*=' "$1" |
            grep -avE '=[[:space:]]*"?(recursive|ort|resolve|octopus|ours|subtree)"?[[:space:]]*$' || : ;;
        */apply-opt) grep -av '^[[:space:]]*$' "$1" | sed "s/ *'-[pC][0-9]*'//g; s/ *'--[3a-z]*way'//g" |
            sed "s/ *'--whitespace=[a-z-]*'//g; s/ *'--ignore-[a-z-]*'//g; s/ *'--reject'//g" | grep -a . || : ;;
        BISECT_NAMES) sed "s/'\\\\['!]'//g; s/'[^']*'//g" "$1" | grep -a '[^[:space:]]' || : ;;
    esac
}

# refuse_programs: none from elsewhere comes to the person's own repo unless they agreed, or have the same line already.
refuse_programs() {
    if [ -n "$managed" ] || [ -e "$work/agreed" ]; then return 0; fi
    : >"$work/programs"
    while read -r object name; do
        own_git cat-file blob "$object" >"$work/state.file"
        programs_of "$work/state.file" "$name" >>"$work/programs"
    done <"$work/state.write"
    for file in git-rebase-todo git-rebase-todo.backup done; do
        [ ! -f "$real/rebase-merge/$file" ] || programs_of "$real/rebase-merge/$file" "x/$file"
    done >"$work/agreed-before"
    echo >>"$work/agreed-before"
    grep -avxFf "$work/agreed-before" "$work/programs" | head -n 5 >"$work/new-programs" || :
    [ ! -s "$work/new-programs" ] || fail programs "$(cat "$work/new-programs")"
}
