# What the scripts of a migration share: where a repo and ez's own notes of it are. Nothing the repo configures is run.
export GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1

# enter NAME PATH META SUB MODULE BORROWED: take the lock and find the repo. PATH is empty for the work tree that ez
# made for NAME, and META then its own; SUB is a submodule's path, MODULE its Git directory below that of the top;
# BORROWED is another object folder to read.
enter() {
    sub=$4 module=$5 borrowed=$6 real=
    if [ -n "$2" ]; then
        command -v git >/dev/null 2>&1 || fail no-git
        home=$(cd && pwd -P)
        managed= tree=$2 meta=$3
        hold
        [ ! -e "$tree" ] || tree=$(cd "$tree" && pwd -P)
        top_of_path
    else
        lock "$1"
        managed=yes
        if tree_is_there; then
            real=$tree/.git common=$tree/.git
        fi
    fi
    own=$meta/migrate place=$tree
    [ -n "$real" ] || rm -rf "$own"
    top=$real
    if [ -n "$sub" ]; then
        own=$meta/migrate/modules/$(printf %s "$sub" | git hash-object --stdin)
        find_module
    fi
    [ -z "$real" ] || set_up
}

# top_of_path: `real` and `common` of the person's own directory; empty where it is not there or holds nothing.
top_of_path() {
    if [ ! -d "$tree" ] || [ -z "$(ls -A "$tree")" ]; then return 0; fi
    found=$(cd "$tree" && git rev-parse --absolute-git-dir --git-common-dir --show-toplevel 2>"$work/why") || {
        grep -q 'not a git repository' "$work/why" && fail no-repo "$tree"
        cat "$work/why" >&2
        exit 20
    }
    [ "$(printf '%s\n' "$found" | wc -l)" -eq 3 ] || fail no-repo "$tree"
    real=$(printf '%s\n' "$found" | sed -n 1p)
    common=$(cd "$tree" && cd "$(printf '%s\n' "$found" | sed -n 2p)" && pwd -P)
    [ "$(cd "$(printf '%s\n' "$found" | sed -n 3p)" && pwd -P)" = "$tree" ] || fail part "$tree"
}

# find_module: `real` of the submodule, empty where it is not there. Only Git directories below that of the top count.
find_module() {
    real=
    place=$tree/$sub
    [ -n "$top" ] && [ -d "$place" ] && [ "$(cd "$place" && pwd -P)" = "$place" ] || return 0
    if [ -d "$place/.git" ] && [ ! -L "$place/.git" ]; then
        real=$place/.git
    elif [ -f "$place/.git" ] && [ ! -L "$place/.git" ]; then
        real=$(sed -n 's/^gitdir: //p' "$place/.git")
        real=$(cd "$place" && cd "$real" 2>/dev/null && pwd -P) || real=
        case $real in "$(cd "$top" && pwd -P)"/modules/* | "$common"/modules/*) ;; *) real= ;; esac
    fi
    common=$real
}

set_up() {
    for part in config index shallow HEAD packed-refs objects refs info logs; do
        [ -z "$managed" ] || [ ! -L "$real/$part" ] || fail occupied
    done
    [ -z "$managed" ] || [ ! -e "$real/commondir" ] || fail occupied
    [ ! -d "$common/reftable" ] || fail reftable
    ! git config --file "$common/config" extensions.partialclone >/dev/null || fail partial
    format=$(git config --file "$common/config" extensions.objectformat || echo sha1)
    if [ -f "$own/config" ] &&
        [ "$(git config --file "$own/config" extensions.objectformat || echo sha1)" != "$format" ]; then
        # Another repo than the one that was noted.
        rm -rf "$own"
    fi
    mkdir -p "$own/objects/info" "$own/info" "$own/refs" "$own/records"
    rm -f "$own"/*.lock "$own/shallow"
    printf 'ref: refs/heads/none\n' >"$own/HEAD"
    {
        printf '[core]\n\tbare = false\n\tcompression = 3\n\tlooseCompression = 1\n\tbigFileThreshold = 32m\n\trepositoryformatversion = '
        if [ "$format" = sha256 ]; then printf '1\n[extensions]\n\tobjectformat = sha256\n'; else printf '0\n'; fi
        printf '[core]\n'
        for setting in filemode symlinks ignorecase precomposeunicode; do
            value=$(git config --file "$common/config" --type=bool "core.$setting" 2>/dev/null) || continue
            printf '\t%s = %s\n' "$setting" "$value"
        done
    } >"$own/config"
    objects=$own/objects
    printf '%s\n' "$common/objects" ${borrowed:+"$borrowed"} >"$own/objects/info/alternates"
    [ ! -f "$common/shallow" ] || cp "$common/shallow" "$own/shallow"
    rm -f "$own/info/exclude"
    [ ! -f "$common/info/exclude" ] || cp "$common/info/exclude" "$own/info/exclude"
    raw
    null=$(printf '' | own_git hash-object --stdin | tr 0-9a-f 0)
    empty_tree=$(own_git hash-object -t tree -w --stdin </dev/null)
    empty_blob=$(own_git hash-object -w --stdin </dev/null)
}

# raw: files are read and written as they are, whatever conversions the repo asks for.
raw() { printf '* -filter -text -ident -working-tree-encoding\n' >"$own/info/attributes"; }

# at INDEX ...: Git with ez's own settings on the files, with that index; objects go to `objects`.
at() {
    with_index=$1
    shift
    (
        cd "$place"
        # shellcheck disable=SC2086
        GIT_DIR="$own" GIT_WORK_TREE="$place" GIT_INDEX_FILE="$with_index" GIT_OBJECT_DIRECTORY="$objects" git $safe "$@"
    )
}
own_git() { at "$own/none.index" "$@"; }

# real_git ...: references and settings of the repo, nothing that reads or writes files in it.
real_git() {
    # shellcheck disable=SC2086
    GIT_DIR="$real" GIT_COMMON_DIR="$common" GIT_WORK_TREE="$place" GIT_ALLOW_PROTOCOL=none git $safe "$@"
}

# Lines for a tool that knows no NUL, and back.
swapped() { tr '\n\000' '\000\n'; }

say_list() {
    printf 'list %s\0' "$1"
    cat
    printf '\0'
}

# copy_index: the repo's index with its file times, as `$own/look.index`.
copy_index() {
    rm -f "$own/look.index" "$own"/sharedindex.*
    [ ! -f "$real/index" ] || cp -p "$real/index" "$own/look.index"
    for shared in "$real"/sharedindex.*; do
        [ ! -f "$shared" ] || cp -p "$shared" "$own/"
    done
}

# read_files: ez's own index of the files as they are now, `$files`. What did not change since the last look is not
# read again, by the rules of Git's index: its time is when this look began, so that what is as new as that is read.
read_files() {
    files=$own/files.new
    : >"$work/began"
    if [ -s "$work/marks" ] || [ ! -f "$own/files.index" ]; then
        rm -f "$files"
        [ ! -f "$own/look.index" ] || cp -p "$own/look.index" "$files"
        at "$files" update-index --force-remove -z --stdin <"$work/converted"
    else
        cp -p "$own/files.index" "$files"
    fi
    at "$files" ls-files -z | swapped | sort -u >"$work/read"
    comm -13 "$work/names" "$work/read" | swapped >"$work/dropped"
    [ ! -s "$work/dropped" ] || at "$files" update-index --force-remove -z --stdin <"$work/dropped"
    [ ! -s "$work/links" ] || swapped <"$work/links" | grep -a ' 0	' | swapped | at "$files" update-index -z --index-info
    at "$files" update-index -q --refresh --ignore-submodules >/dev/null 2>&1 || :
    {
        cat "$work/modules.here"
        comm -23 "$work/names" "$work/read" | swapped
        at "$files" diff-files -z --name-only --no-renames --ignore-submodules=all
    } >"$work/changed"
    add_large
    at "$files" update-index --add --remove --replace -z --stdin <"$work/changed"
}

# add_large: large files among `changed` that a sample shows to be dense already are not compressed once more.
add_large() {
    [ -s "$work/changed" ] || return 0
    (cd "$place" && swapped <"$work/changed" | sed 's|^|./|' | swapped |
        xargs -0 sh -c 'find "$@" -maxdepth 0 -type f -size +32767k -print0 2>/dev/null || :' sh | xargs -0 sh -c '
            for path do
                size=$(wc -c <"$path")
                [ "$(tail -c "+$((size / 2))" "$path" | head -c 262144 | gzip -1 | wc -c)" -lt 235930 ] || printf "%s\0" "$path"
            done' sh) | swapped | sed 's|^\./||' | sort -u >"$work/dense"
    [ -s "$work/dense" ] || return 0
    swapped <"$work/dense" | at "$files" -c core.compression=0 update-index --add --replace -z --stdin
    swapped <"$work/changed" | sort -u | comm -23 - "$work/dense" | swapped >"$work/changed.rest"
    mv "$work/changed.rest" "$work/changed"
}

# put_together META SPECIAL STAGED STATE WORK: one tree that is the whole state of a repo; META is a file.
put_together() {
    {
        printf '100644 blob %s\tmeta\n' "$(own_git hash-object -w --stdin <"$1")"
        printf '100644 blob %s\tspecial\n' "$2"
        printf '040000 tree %s\tstaged\n' "$3"
        printf '040000 tree %s\tstate\n' "$4"
        printf '040000 tree %s\twork\n' "$5"
    } | own_git mktree
}

part() { own_git rev-parse -q --verify "$1:$2"; }

# whole OBJECT...: whether all their trees are here; the repo may have thrown away some that a note relies on.
whole() { own_git rev-list --objects --no-object-names --quiet --filter=blob:none "$@" >/dev/null 2>&1; }

# amended TREE INFO: the tree with the entries of INFO (for `update-index --index-info`, NUL) put in.
amended() {
    rm -f "$own/amend.index"
    at "$own/amend.index" read-tree "$1"
    at "$own/amend.index" update-index -z --index-info <"$2"
    at "$own/amend.index" write-tree
}

# keep_record KEY SERIAL TREE: both sides were this, as far as they agree. The objects are kept before the note is.
keep_record() {
    own_git update-ref "refs/ez/$1" "$3"
    printf '%s %s\n' "$2" "$3" >"$own/records/$1.new"
    mv -f "$own/records/$1.new" "$own/records/$1"
}

# say_changes WORK STAGED STATE: how the repo, as it was looked at last, differs from these trees.
say_changes() {
    now=$(own_git rev-parse refs/ez/now)
    own_git diff-tree -r -z --no-renames --raw "$2" "$(part "$now" staged)" | say_list staged
    own_git diff-tree -r -z --no-renames --raw "$3" "$(part "$now" state)" | say_list state
    own_git diff-tree -r -z --no-renames --raw "$1" "$(part "$now" work)" | say_list files
    # What Git stopped looking at is not gone.
    own_git diff-tree -r -z --no-renames --name-only --diff-filter=D "$1" "$(part "$now" work)" >"$work/gone"
    if [ -s "$work/gone" ]; then
        (cd "$place" && xargs -0 sh -c 'for path do
            if [ -L "$path" ] || [ -f "$path" ]; then printf "%s\0" "$path"; fi
        done' sh) <"$work/gone" | say_list unseen
    fi
}

# conclude KEY SERIAL SOURCE: note what both sides agree on now, as the parcel says: a snapshot, or parts of one with
# what stays as it was last time.
conclude() {
    snapshot=$(cat "$work/snapshot")
    if [ -e "$work/after.meta" ]; then
        while read -r name object; do
            case $object in
                snapshot)
                    object=$(part "$snapshot" "$name")
                    [ ! -s "$work/after.$name" ] || object=$(amended "$object" "$work/after.$name")
                    ;;
                -) if [ "$name" = special ]; then object=$empty_blob; else object=$empty_tree; fi ;;
            esac
            eval "kept_$name=\$object"
        done <"$work/after.parts"
        # shellcheck disable=SC2154
        snapshot=$(put_together "$work/after.meta" "$kept_special" "$kept_staged" "$kept_state" "$kept_work")
    fi
    keep_record "$1" "$2" "$snapshot"
    if [ -n "$managed" ] && [ -z "$sub" ]; then
        # From now on `ez env go` leaves the files to migration.
        [ "$(cat "$meta/source")" != carry ] || printf %s "$3" >"$meta/source"
    fi
    # Never in the repo itself.
    objects=$own/objects
    own_git prune --expire=now
}
