# say all that a repo is, as one tree, and what changed since both sides were equal: NAME PATH META SUB MODULE BORROWED KEY
enter "$1" "$2" "$3" "$4" "$5" "$6"
key=$7

# say_folding: what names the place of a repo to be takes for the same, asked with a folder beside it that goes again.
say_folding() {
    above=$place
    while [ ! -d "$above" ]; do above=$(dirname "$above"); done
    probe=$(mktemp -d "$above/.ez-names.XXXXXX" 2>/dev/null) || return 0
    : >"$probe/name"
    : >"$probe/$(printf 'e\314\201')"
    [ ! -e "$probe/NAME" ] || say folds-case yes
    [ ! -e "$probe/$(printf '\303\251')" ] || say folds-unicode yes
    rm -rf "$probe"
}

if [ -z "$real" ]; then
    say repo absent
    say path "$place"
    say_folding
    say done yes
    exit 0
fi
say repo here
say path "$place"
say format "$format"
say source "$(cat "$meta/source" 2>/dev/null || :)"
[ ! -d "$meta/pending" ] || say pending yes
case $real in
    "$top") ;;
    "$top"/modules/*) say module "${real#"$top"/}" ;;
    "$common"/modules/*) say module "${real#"$common"/}" ;;
esac
[ ! -e "$real/hEAD" ] || say folds-case yes
# Git sets it, either way, where a file system takes composed and decomposed letters for the same.
! git config --file "$common/config" core.precomposeunicode >/dev/null || say folds-unicode yes
if [ -z "$sub" ] && [ -e "$meta/state" ]; then
    say carried "$(cat "$meta/state")"
fi

copy_index
index=$own/look.index

# Paths whose files are not what Git stores of them; they are read byte by byte.
rm -f "$own/info/attributes"
[ ! -f "$common/info/attributes" ] || cp "$common/info/attributes" "$own/info/attributes"
at "$index" ls-files -z -- . ':(exclude,attr:!filter !text !eol !ident !working-tree-encoding)' >"$work/converted"
raw
case $(real_git config --get core.autocrlf || :) in '' | false | no | off | 0) ;; *) at "$index" ls-files -z >"$work/converted" ;; esac

# What is staged, and what an index holds besides: unfinished merges, marks, files that are only intended.
at "$index" ls-files -u -z >"$work/unmerged"
at "$index" ls-files -v -z | swapped | grep -a '^[a-zS] ' | swapped >"$work/marks" || :
at "$index" diff-files -z --name-status --no-renames --diff-filter=AD --ignore-submodules=all | swapped >"$work/known"
sed -n '/^A$/{n;p;b
}
n' "$work/known" | swapped >"$work/intended"
sed -n '/^D$/{n;p;b
}
n' "$work/known" | sort -u >"$work/deleted"
cp -p "$index" "$own/staged.index" 2>/dev/null || rm -f "$own/staged.index"
if [ -s "$work/unmerged" ]; then
    swapped <"$work/unmerged" | sed 's/^[^\t]*\t//' | sort -u | swapped |
        at "$own/staged.index" update-index --force-remove -z --stdin
fi
staged=$(at "$own/staged.index" write-tree)
special=$empty_blob
if [ -s "$work/unmerged" ] || [ -s "$work/marks" ] || [ -s "$work/intended" ]; then
    { cat "$work/unmerged"; printf '\0'; cat "$work/marks"; printf '\0'; cat "$work/intended"; } >"$work/special"
    special=$(own_git hash-object -w --stdin <"$work/special")
    say special "$(base64 <"$work/special" | tr -d '\n')"
    swapped <"$work/unmerged" | sed -n 's/^1[02][0-9]* \([0-9a-f]*\) .*/\1/p' | sort -u |
        while read -r blob; do say pin "$blob"; done
fi

# The files: what Git knows and what it would be told about. Submodules go by themselves: one without commits, or one
# that is not there, stays as the index has it.
at "$index" ls-files -s -z | swapped | grep -a '^160000 ' | swapped >"$work/links" || :
swapped <"$work/links" | sed 's/^[^\t]*\t//' | sort -u | swapped >"$work/modules"
: >"$work/modules.here"
if [ -s "$work/modules" ]; then
    (cd "$place" && xargs -0 sh -c 'for path do [ ! -e "$path/.git" ] || printf "%s\0" "$path"; done' sh) \
        <"$work/modules" >"$work/modules.here"
fi
say_list modules <"$work/modules.here"
: >"$work/extra"
if [ -s "$work/patterns" ]; then
    (
        cd "$place"
        export GIT_DIR="$own" GIT_WORK_TREE="$place" GIT_INDEX_FILE="$index"
        # shellcheck disable=SC2086
        xargs -0 git $safe ls-files -o -i -z --exclude-standard -- <"$work/patterns"
    ) >"$work/extra"
fi
at "$index" ls-files -o -z --exclude-standard | swapped >"$work/others"
grep -a '/$' "$work/others" | swapped | say_list nested || :
{
    at "$index" ls-files -z | swapped | sort -u | comm -23 - "$work/deleted"
    grep -av '/$' "$work/others" || :
    swapped <"$work/extra"
} | sort -u >"$work/names"
swapped <"$work/modules" >"$work/not-files"
if [ -s "$work/not-files" ]; then
    # What is below a submodule is its own.
    comm -23 "$work/names" "$work/not-files" >"$work/names.files"
    mv "$work/names.files" "$work/names"
fi
read_files
at "$files" write-tree >"$work/tree" 2>/dev/null || {
    # What an earlier look wrote is gone from the repo.
    rm -f "$own/files.index"
    read_files
    at "$files" write-tree >"$work/tree"
}
tree_now=$(cat "$work/tree")
touch -r "$work/began" "$files"
mv -f "$files" "$own/files.index"

# An operation that is not finished is a set of files beside HEAD.
(
    cd "$real"
    for name in MERGE_HEAD MERGE_MODE MERGE_MSG AUTO_MERGE SQUASH_MSG CHERRY_PICK_HEAD REVERT_HEAD REBASE_HEAD \
        BISECT_START BISECT_LOG BISECT_TERMS BISECT_NAMES BISECT_EXPECTED_REV BISECT_ANCESTORS_OK BISECT_FIRST_PARENT \
        rebase-merge rebase-apply sequencer; do
        [ ! -e "$name" ] || find "./$name" -type f -print
    done | sed 's|^\./||' | sort >"$work/state.names"
    [ ! -s "$work/state.names" ] || [ ! -f ORIG_HEAD ] || echo ORIG_HEAD >>"$work/state.names"
)
rm -f "$own/state.index"
state=$empty_tree
if [ -s "$work/state.names" ]; then
    (
        cd "$real"
        GIT_DIR="$own" git hash-object -w --no-filters --stdin-paths <"$work/state.names"
        tr '\n' '\0' <"$work/state.names" | xargs -0 cat | grep -aoE '[0-9a-f]{40,64}' | sort -u >"$work/mentioned" || :
    ) >"$work/state.blobs"
    paste "$work/state.blobs" "$work/state.names" | sed 's/^/100644 /' |
        at "$own/state.index" update-index --index-info
    state=$(at "$own/state.index" write-tree)
    own_git cat-file --batch-check='%(objectname) %(objecttype)' <"$work/mentioned" | grep -v missing |
        while read -r object _; do say pin "$object"; done
fi

# Everything that has a name.
{
    printf 'head %s\n' "$(real_git symbolic-ref -q HEAD || :)"
    printf 'commit %s\n' "$(real_git rev-parse -q --verify 'HEAD^{commit}' || :)"
    real_git for-each-ref --format='ref %(objectname) %(refname) %(symref)' \
        refs/heads refs/tags refs/remotes refs/notes refs/bisect refs/rewritten | sort
    if [ -f "$common/logs/refs/stash" ] && real_git rev-parse -q --verify refs/stash >/dev/null; then
        sed 's/^/stash /' "$common/logs/refs/stash"
    fi
    [ ! -s "$own/shallow" ] || sort "$own/shallow" | sed 's/^/shallow /'
    [ ! -s "$work/patterns" ] || swapped <"$work/patterns" | sort -u | sed 's/^/included /'
} >"$work/meta"
snapshot=$(put_together "$work/meta" "$special" "$staged" "$state" "$tree_now")
own_git update-ref refs/ez/now "$snapshot"
say meta "$(cat "$work/meta")"
say snapshot "$snapshot"
say parts "$special $staged $state $tree_now"
[ ! -f "$common/logs/refs/stash" ] || say stash-tip "$(real_git rev-parse -q --verify refs/stash || :)"

git config --file "$common/config" -z --list |
    swapped | grep -aiE '^(remote\..*\.(url|fetch)|branch\..*\.(remote|merge|rebase)|submodule\..*\.(url|active)|user\.(name|email))' |
    swapped | say_list settings || :
if [ -d "$common/lfs/objects" ]; then
    (cd "$common/lfs/objects" && find . -type f -size +0 -print0) | say_list lfs
    (cd "$common/lfs/objects" && find . -type f -size +2047k -print0) | say_list lfs-large
fi

serial=0 record=
if [ -f "$own/records/$key" ]; then
    read -r serial record <"$own/records/$key"
    whole "$record" || serial=0 record=
fi
say serial "$serial"
say record "$record"
if [ -n "$record" ]; then
    say base-meta "$(own_git cat-file blob "$record:meta")"
    say base-special "$(own_git cat-file blob "$record:special" | base64 | tr -d '\n')"
    say base-parts "$(part "$record" special) $(part "$record" staged) $(part "$record" state) $(part "$record" work)"
    say_changes "$(part "$record" work)" "$(part "$record" staged)" "$(part "$record" state)"
fi
say done yes
