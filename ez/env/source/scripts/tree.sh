# Moving a work tree from one state to another, so that it can be killed anywhere and taken up again.
# `pending` holds the plan: trees `base` and `target`, `index` (a tree), `head`, `refs` (lines: name, new, old).

# is_edited: whether tracked files differ from ez's index of them.
is_edited() {
    refresh "$shadow/index"
    ! shadow_git diff-files --quiet --ignore-submodules
}

refresh() { index_git "$1" update-index -q --ignore-submodules --refresh >/dev/null 2>&1 || :; }

# rehearse BASE TARGET: false where files that only this computer has would be lost; `conflict` then says which.
rehearse() {
    if [ ! -e "$shadow/index" ]; then
        shadow_git read-tree "$1"
    fi
    refresh "$shadow/index"
    shadow_git diff-tree -r -z --no-renames --name-only --diff-filter=A "$1" "$2" >"$work/added"
    : >"$work/lost"
    if [ -s "$work/added" ]; then
        (cd "$tree" && only_here <"$work/added" >"$work/lost")
    fi
    if [ -s "$work/lost" ]; then
        tr '\0' '\n' <"$work/lost" | head -n 5 >"$work/conflict"
        return 1
    fi
    shadow_git read-tree -n -m -u "$1" "$2" 2>"$work/conflict"
}

# only_here: of the new files named on standard input, those whose place is taken by something ez does not know.
only_here() {
    GIT_DIR="$shadow" GIT_WORK_TREE="$tree" GIT_INDEX_FILE="$shadow/index" GIT_OBJECT_DIRECTORY="$real/objects" \
        xargs -0 sh -c '
        for path do
            if [ -d "$path" ] && [ ! -L "$path" ]; then
                [ -z "$(git ls-files -o -- ":(literal)$path/" | head -n 1)" ] || printf "%s\0" "$path"
                continue
            elif [ -e "$path" ] || [ -L "$path" ]; then
                printf "%s\0" "$path"
                continue
            fi
            above=$path
            while [ "${above%/*}" != "$above" ]; do
                above=${above%/*}
                if [ -d "$above" ] && [ ! -L "$above" ]; then break; fi
                if [ -e "$above" ] || [ -L "$above" ]; then
                    git ls-files --error-unmatch -- ":(literal)$above" >/dev/null 2>&1 || printf "%s\0" "$above"
                    break
                fi
            done
        done' sh
}

# advance: make everything what `pending` says: names first, since they are all moved or none.
advance() {
    begin
    shadow_git read-tree -m -u "$(cat "$plan/base")" "$(cat "$plan/target")"
    finish
}

begin() {
    plan=$meta/pending
    if [ -s "$plan/refs" ]; then
        move_references
    fi
    head=$(cat "$plan/head")
    case $head in
        refs/*) real_git symbolic-ref HEAD "$head" ;;
        ?*) real_git update-ref --no-deref HEAD "$head" ;;
    esac
}

# finish: what comes after the files. Each part can be done again.
finish() {
    install_index "$(cat "$plan/index")"
    if [ -e "$plan/settings.unset" ]; then
        apply_settings
    fi
    if [ -e "$plan/state" ]; then
        mv -f "$plan/state" "$meta/state"
    fi
    rm -rf "$meta/done"
    mv "$plan" "$meta/done"
    rm -rf "$meta/done"
}

# Every reference at once, or none, and only from the values that the plan was made for.
move_references() {
    real_git for-each-ref --format='%(refname) %(objectname)' >"$work/now"
    awk 'FILENAME == ARGV[1] { now[$1] = $2; next }
        $2 ~ /^0+$/ { if ($1 in now) print "delete " $1 " " $3; next }
        now[$1] != $2 { print "update " $1 " " $2 " " $3 }' "$work/now" "$plan/refs" >"$work/moves"
    # A name can only become a directory of names once it is gone.
    for verb in delete update; do
        grep "^$verb " "$work/moves" >"$work/$verb" || continue
        if ! real_git update-ref --stdin <"$work/$verb"; then
            rm -rf "$plan"
            fail moved
        fi
    done
}

# install_index TREE: the index of the work tree, with the file times that ez knows.
install_index() {
    rm -f "$work/index.new"
    [ ! -e "$shadow/index" ] || cp -p "$shadow/index" "$work/index.new"
    index_git "$work/index.new" read-tree -m "$1"
    [ ! -e "$real/index.lock" ] || fail index-lock
    (set -C && cat "$work/index.new" >"$real/index.lock")
    touch -r "$work/index.new" "$real/index.lock"
    mv -f "$real/index.lock" "$real/index"
}

apply_settings() {
    GIT_DIR="$real" GIT_COMMON_DIR="$real" xargs -0 -n 1 sh -c '[ -z "${1-}" ] || git config --unset-all "$1" || [ $? = 5 ]' sh <"$plan/settings.unset"
    GIT_DIR="$real" GIT_COMMON_DIR="$real" xargs -0 -n 2 sh -c '[ -z "${1-}" ] || git config --add "$1" "$2"' sh <"$plan/settings.add"
}

# say_pending: what a killed run left, for ez to decide on; false where it left nothing.
say_pending() {
    [ -d "$meta/pending" ] || return 1
    find "$real" -name '*.lock' -newer "$meta/pending/head" -exec rm -f {} +
    base=$(cat "$meta/pending/base")
    target=$(cat "$meta/pending/target")
    [ -e "$shadow/index" ] || shadow_git read-tree "$base"
    if [ "$(shadow_git write-tree)" = "$target" ] && [ "$base" != "$target" ]; then
        say pending written
        return 0
    fi
    say pending half
    index_git "$work/target.index" read-tree "$target"
    refresh "$work/target.index"
    refresh "$shadow/index"
    printf 'list wanted\0'
    shadow_git diff-tree -r -z --no-renames --name-status "$base" "$target"
    printf '\0list not-base\0'
    shadow_git diff-files -z --ignore-submodules --no-renames --name-status
    printf '\0list not-target\0'
    index_git "$work/target.index" diff-files -z --ignore-submodules --no-renames --name-status
    printf '\0'
}
