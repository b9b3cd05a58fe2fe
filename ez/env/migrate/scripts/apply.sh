# make of a repo what the parcel says: NAME PATH META SUB MODULE BORROWED KEY SERIAL FORMAT SOURCE PACK(unpack|index|none)
# The record of what was equal comes first and last, and each part is compared by value: a run that is killed
# anywhere is taken up by the next.
enter "$1" "$2" "$3" "$4" "$5" "$6"
key=$7 serial=$8 format=$9
shift 9
source=$1 how=$2

new_repo() {
    if [ "$format" = sha1 ]; then
        git init -q --template= "$@"
    else
        git init -q --template= --object-format="$format" "$@"
    fi
}

make_module() {
    (umask 022 && mkdir -p "$tree/$sub" "$top/$module")
    [ "$(cd "$tree/$sub" && pwd -P)" = "$tree/$sub" ] || fail way "$sub"
    [ "$(cd "$top/$module" && pwd -P)" = "$(cd "$top" && pwd -P)/$module" ] || fail way "$module"
    [ -e "$top/$module/HEAD" ] || {
        new_repo --bare "$top/$module"
        printf 'ref: refs/heads/main\n' >"$top/$module/HEAD"
    }
    if [ "$top" = "$tree/.git" ]; then
        # Seen from the container the work tree is elsewhere.
        to_git=$(printf %s "$sub" | sed 's|[^/][^/]*|..|g')/.git/$module
        to_tree=$(printf %s ".git/$module" | sed 's|[^/][^/]*|..|g')/$sub
    else
        to_git=$top/$module to_tree=$tree/$sub
    fi
    git config --file "$top/$module/config" core.bare false
    git config --file "$top/$module/config" core.worktree "$to_tree"
    printf 'gitdir: %s\n' "$to_git" >"$tree/$sub/.git"
    find_module
    [ -n "$real" ] || fail way "$sub"
}

if [ -z "$real" ]; then
    if [ -n "$sub" ]; then
        [ -n "$top" ] || fail gone
        make_module
    elif [ -n "$managed" ]; then
        forget
        rm -rf "$meta"/new.*
        fresh=$(mktemp -d "$meta/new.XXXXXX")
        chmod "$(umask -S)" "$fresh"
        new_repo -- "$fresh"
        printf 'ref: refs/heads/main\n' >"$fresh/.git/HEAD"
        printf %s "$source" >"$meta/source"
        [ ! -d "$tree" ] || rmdir "$tree"
        mv "$fresh" "$tree"
        real=$tree/.git common=$tree/.git
    else
        mkdir -p "$tree"
        tree=$(cd "$tree" && pwd -P)
        new_repo -- "$tree"
        printf 'ref: refs/heads/main\n' >"$tree/.git/HEAD"
        real=$tree/.git common=$tree/.git place=$tree
    fi
    rm -f "$own/files.index"
    set_up
fi
say path "$place"

# Objects first. Those of ez's own notes go to the repo, which a pack may take for granted.
if [ -e "$work/base.parts" ]; then
    { tr ' ' '\n' <"$work/base.parts" | grep -v '^-*$' || :; real_git for-each-ref --format='^%(objectname)'; } >"$work/kept"
    own_git pack-objects -q --revs --stdout <"$work/kept" >"$work/own.pack"
    objects=$common/objects
    own_git unpack-objects -q <"$work/own.pack"
    objects=$own/objects
fi
find "$own/objects" -type f -path '*/??/*' | sed -n 's|.*/\(..\)/\([0-9a-f]*\)$|\1\2|p' >"$work/loose"
if [ -s "$work/loose" ]; then
    own_git pack-objects -q --stdout <"$work/loose" >"$work/own.pack"
    objects=$common/objects
    own_git unpack-objects -q <"$work/own.pack"
    rm -rf "$own"/objects/??
fi
rm -f "$work/own.pack"
objects=$common/objects
case $how in
    unpack) own_git unpack-objects -q <"$work/pack" ;;
    index) own_git index-pack --stdin --fix-thin <"$work/pack" >/dev/null ;;
esac
rm -f "$work/pack"

# A commit is where history was cut off when a parent of it is not here.
if [ -s "$work/shallow" ] || [ -e "$own/shallow" ]; then
    cat "$work/shallow" "$own/shallow" 2>/dev/null | sort -u >"$work/edges"
    while read -r edge; do
        own_git cat-file commit "$edge" | sed -n '/^$/q; s/^parent //p' >"$work/parents"
        while read -r parent; do
            own_git cat-file -e "$parent" 2>/dev/null || { printf '%s\n' "$edge"; break; }
        done <"$work/parents"
    done <"$work/edges" >"$work/shallow.new"
    cp "$work/shallow.new" "$own/shallow"
fi
{ cat "$work/wants"; real_git for-each-ref --format='^%(objectname)'; } |
    own_git rev-list --objects --stdin --quiet || fail incomplete
if [ -e "$work/shallow.new" ]; then
    if [ -s "$work/shallow.new" ]; then cp "$work/shallow.new" "$common/shallow"; else rm -f "$common/shallow"; fi
fi

refuse_programs

# Nobody has touched since the look what is to change, and nothing that Git does not know stands in the way.
index=$own/files.index
at "$index" update-index -q --refresh --ignore-submodules >/dev/null 2>&1 || :
at "$index" diff-files -z --name-only --ignore-submodules=all | swapped >"$work/dirty"
{ cat "$work/write.names" "$work/remove"; } | swapped >"$work/changing"
if [ -s "$work/dirty" ] && grep -aqxFf "$work/dirty" "$work/changing"; then fail overtaken; fi
at "$index" ls-files -z | swapped >"$work/known"
{ cat "$work/known"; echo; } >"$work/known.lines"
swapped <"$work/write.names" | awk 'FILENAME == ARGV[1] { known[$0] = 1; next } !($0 in known)' "$work/known.lines" - |
    swapped >"$work/added"
: >"$work/standing"
if [ -s "$work/added" ]; then
    (cd "$place" && xargs -0 sh -c '
        for path do
            if [ -d "$path" ] && [ ! -L "$path" ]; then
                find "./$path" ! -type d -print0 | sed "s|^\./||; s|\x00\./|\x00|g"
            elif [ -e "$path" ] || [ -L "$path" ]; then
                printf "%s\0" "$path"
            fi
            while [ "${path%/*}" != "$path" ]; do
                path=${path%/*}
                if [ -d "$path" ] && [ ! -L "$path" ]; then break; fi
                if [ -e "$path" ] || [ -L "$path" ]; then printf "%s\0" "$path"; fi
            done
        done' sh) <"$work/added" >"$work/standing"
fi
if [ -s "$work/standing" ]; then
    { swapped <"$work/remove"; echo; } >"$work/going"
    swapped <"$work/standing" | sort -u | grep -avxFf "$work/going" | swapped >"$work/way" || :
    if [ -s "$work/way" ]; then
        say_list way <"$work/way"
        say done yes
        exit 0
    fi
fi
[ ! -e "$real/index.lock" ] || fail index-lock

if [ -e "$work/base.meta" ]; then
    read -r base_special base_staged base_state base_work <"$work/base.parts"
    [ "$base_special" != - ] || base_special=$empty_blob
    [ "$base_staged" != - ] || base_staged=$empty_tree
    [ "$base_state" != - ] || base_state=$empty_tree
    [ "$base_work" != - ] || base_work=$empty_tree
    base=$(put_together "$work/base.meta" "$base_special" "$base_staged" "$base_state" "$base_work")
    real_git update-ref "refs/ez/$key" "$base"
    keep_record "$key" "$((serial - 1))" "$base"
fi
# What is to come is kept, whatever happens to the rest.
real_git update-ref "refs/ez/next" "$(cat "$work/snapshot")"

# Names: all or none, and only from the values that the plan was made for.
real_git for-each-ref --format='%(refname) %(objectname)' >"$work/now"
awk 'FILENAME == ARGV[1] { now[$1] = $2; next }
    $2 ~ /^0+$/ { if ($1 in now) print "delete " $1 " " $3; next }
    now[$1] != $2 { print "update " $1 " " $2 " " $3 }' "$work/now" "$work/refs" >"$work/moves"
# A name can only become a directory of names once it is gone.
for verb in delete update; do
    grep "^$verb " "$work/moves" >"$work/$verb" || continue
    real_git update-ref -m 'ez: migrated' --stdin <"$work/$verb" || fail overtaken
done
while read -r name target; do
    real_git symbolic-ref "$name" "$target"
done <"$work/symbolic"
head=$(cat "$work/head")
case $head in
    refs/*) real_git symbolic-ref -m 'ez: migrated' HEAD "$head" ;;
    ?*) real_git update-ref -m 'ez: migrated' --no-deref HEAD "$head" ;;
esac

# Files: each appears whole, in a directory that was looked at and is no link.
if [ -s "$work/remove" ]; then
    (cd "$place" && PLACE="$place" xargs -0 sh -c '
        for path do
            folder=
            case $path in */*) folder=${path%/*} ;; esac
            (cd "./$folder" 2>/dev/null && [ "$(pwd -P)" = "$PLACE${folder:+/$folder}" ] &&
                { [ -d "./${path##*/}" ] && [ ! -L "./${path##*/}" ] || rm -f "./${path##*/}"; })
            while [ -n "$folder" ] && rmdir "./$folder" 2>/dev/null; do
                case $folder in */*) folder=${folder%/*} ;; *) folder= ;; esac
            done
        done' sh) <"$work/remove"
fi
if [ -s "$work/write" ]; then
    stage=$meta/stage
    [ -n "$managed" ] || stage=$real/ez-stage
    rm -rf "$stage"
    mkdir "$stage"
    # An index of the files that comes to know them as they are written, so that the next look need not read them.
    rm -f "$own/out.index"
    [ ! -f "$own/files.index" ] || cp -p "$own/files.index" "$own/out.index"
    [ ! -s "$work/remove" ] || at "$own/out.index" update-index --force-remove -z --stdin <"$work/remove"
    at "$own/out.index" update-index -z --index-info <"$work/write"
    (place=$stage && at "$own/out.index" checkout-index -q -f -u -z --stdin <"$work/write.names")
    (cd "$place" && xargs -0 sh -c '
        for path do
            if [ -d "$path" ] && [ ! -L "$path" ]; then find "./$path" -depth -type d -exec rmdir {} \; ; fi
        done' sh) <"$work/write.names"
    # A folder that is new goes as a whole, where mv can be told never to move it into another one.
    whole=$(mv --help 2>&1 | grep -o -e ' -T' | head -n 1)
    (cd "$stage" && find . -type d -print0) | PLACE="$place" STAGE="$stage" WHOLE="$whole" xargs -0 sh -c '
        for folder do
            below=${folder#.}
            [ -d "$STAGE$below" ] || continue
            if [ ! -e "$PLACE$below" ] && [ ! -L "$PLACE$below" ]; then
                cd "$PLACE${below%/*}" && [ "$(pwd -P)" = "$PLACE${below%/*}" ] || exit 255
                if [ -n "$WHOLE" ]; then
                    mv -T -- "$STAGE$below" "./${below##*/}" || exit 255
                    continue
                fi
                mkdir "./${below##*/}" || exit 255
            fi
            cd "$PLACE$below" && [ "$(pwd -P)" = "$PLACE$below" ] || exit 255
            set --
            for file in "$STAGE$below"/* "$STAGE$below"/.[!.]* "$STAGE$below"/..?*; do
                if [ -L "$file" ] || { [ -e "$file" ] && [ ! -d "$file" ]; }; then set -- "$@" "$file"; fi
                if [ "$#" -eq 200 ]; then mv -f -- "$@" . && set -- || exit 255; fi
            done
            [ "$#" -eq 0 ] || mv -f -- "$@" . || exit 255
        done' sh || fail overtaken
    rm -rf "$stage"
    mv -f "$own/out.index" "$own/files.index"
fi
if [ -s "$work/folders" ]; then
    (cd "$place" && xargs -0 mkdir -p --) <"$work/folders"
fi

# The index, whole.
if [ -s "$work/entries" ] || [ -s "$work/intended" ] || [ -s "$work/skip" ] || [ -s "$work/assume" ] ||
    [ -s "$work/no-skip" ] || [ -s "$work/no-assume" ] || [ -s "$work/write" ]; then
    rm -f "$own/new.index"
    if [ -f "$real/index" ]; then
        cp -p "$real/index" "$own/new.index"
    elif [ -s "$work/write" ]; then
        # Of what is staged as it is in the files, all is known already.
        cp -p "$own/files.index" "$own/new.index"
        at "$own/new.index" ls-files -s -z | swapped | sed 's/ 0\t/\t/' | sort >"$work/written"
        swapped <"$work/entries" | sort >"$work/staged"
        comm -13 "$work/staged" "$work/written" | sed 's/^[^\t]*\t//' | swapped |
            at "$own/new.index" update-index --force-remove -z --stdin
        comm -23 "$work/staged" "$work/written" | swapped >"$work/entries"
    fi
    for option in no-skip-worktree no-assume-unchanged; do
        list=$work/${option%-*}
        [ ! -s "$list" ] || at "$own/new.index" update-index "--$option" -z --stdin <"$list"
    done
    at "$own/new.index" update-index -z --index-info <"$work/entries"
    if [ -s "$work/intended" ]; then
        (
            cd "$place"
            export GIT_DIR="$own" GIT_WORK_TREE="$place" GIT_INDEX_FILE="$own/new.index"
            # shellcheck disable=SC2086
            xargs -0 git $safe --literal-pathspecs add -N -f -- <"$work/intended"
        )
    fi
    for option in skip-worktree assume-unchanged; do
        list=$work/${option%-*}
        [ ! -s "$list" ] || at "$own/new.index" update-index "--$option" -z --stdin <"$list"
    done
    at "$own/new.index" update-index -q --refresh --ignore-submodules >/dev/null 2>&1 || :
    if [ -e "$own/new.index" ]; then
        (set -C && cat "$own/new.index" >"$real/index.lock") || fail index-lock
        touch -r "$own/new.index" "$real/index.lock"
        mv -f "$real/index.lock" "$real/index"
    fi
fi

# An unfinished operation: files beside HEAD, whose names ez has checked.
while read -r object name; do
    case $name in */*) [ ! -L "$real/${name%%/*}" ] && mkdir -p "$real/${name%/*}" ;; esac
    own_git cat-file blob "$object" >"$work/state.new"
    rm -f "$real/$name"
    cp "$work/state.new" "$real/$name"
done <"$work/state.write"
while read -r name; do
    rm -f "$real/$name"
    while [ "${name%/*}" != "$name" ] && rmdir "$real/${name%/*}" 2>/dev/null; do name=${name%/*}; done
done <"$work/state.remove"

# Stashes: the log before the name, so that a cut is seen.
if [ -e "$work/stash" ]; then
    log=$common/logs/refs/stash
    tip=$(tail -n 1 "$work/stash" | cut -d ' ' -f 2)
    if [ -n "$tip" ]; then
        mkdir -p "$common/logs/refs"
        cp "$work/stash" "$log.ez" && mv -f "$log.ez" "$log"
        real_git update-ref --create-reflog refs/stash "$tip"
        cp "$work/stash" "$log.ez" && mv -f "$log.ez" "$log"
    else
        real_git update-ref -d refs/stash
    fi
fi
if [ -s "$work/settings" ]; then
    CONFIG="$common/config" xargs -0 -n 2 sh -c 'git config --file "$CONFIG" --add "$1" "$2"' sh <"$work/settings"
fi

conclude "$key" "$serial" "$source"
real_git update-ref "refs/ez/$key" "$(cut -d ' ' -f 2 "$own/records/$key")"
real_git update-ref -d refs/ez/next
say done yes
