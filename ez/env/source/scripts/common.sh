set -eu
parcel=$1
shift
export LC_ALL=C LANGUAGE=C GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=false SSH_ASKPASS_REQUIRE=never GIT_OPTIONAL_LOCKS=0
export GIT_ALLOW_PROTOCOL=none GIT_COMMITTER_NAME=ez GIT_COMMITTER_EMAIL=ez@localhost
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR \
    GIT_NAMESPACE GIT_CONFIG GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_ATTR_SOURCE GIT_EXTERNAL_DIFF GIT_SSH SSH_ASKPASS

# No hook, monitor or program that a repo names is run, and nothing is collected behind our back.
safe='-c core.hooksPath=/dev/null -c core.fsmonitor=false -c protocol.ext.allow=never -c gc.auto=0
    -c maintenance.auto=false -c core.quotePath=false -c submodule.recurse=false -c core.splitIndex=false
    -c advice.detachedHead=false'

say() { printf '%s %s\0' "$1" "$2"; }

# fail WORD [DETAIL]: an expected failure that ez has words for.
fail() {
    say failed "$1"
    say detail "${2-}"
    exit 20
}

# lock NAME: wait until no other ez, nor a Git that one left behind, works on the environment.
# The lock is a descriptor that every child inherits.
lock() {
    command -v git >/dev/null 2>&1 || fail no-git
    home=$(cd && pwd -P)
    tree=$home/ez/$1
    # Not `.ez/NAME`, which the environment's container can write.
    meta=$home/ez/.ez/.source/$1
    mkdir -p "$home/ez"
    mkdir -p -m 700 "$home/ez/.ez"
    mkdir -p -m 700 "$home/ez/.ez/.source"
    hold
}

# hold: the lock of `meta`, and the parcel.
hold() {
    shadow=$meta/git
    work=$meta/work
    mkdir -p -m 700 "$meta"
    exec 9>"$meta/lock"
    if command -v flock >/dev/null 2>&1; then
        tries=0
        until flock -n 9; do
            tries=$((tries + 1))
            [ "$tries" -lt 20 ] || fail busy
            sleep 1
        done
    fi
    rm -rf "$work"
    mkdir "$work"
    if [ -n "$parcel" ]; then
        printf %s "$parcel" | base64 -d | tar -x -z -f - -C "$work"
    else
        tar -x -f - -C "$work"
    fi
}

# Whether the work tree is there; what stands in its place and is not ez's is never touched.
tree_is_there() {
    if [ -e "$tree/.git" ] || [ -L "$tree/.git" ]; then
        [ -d "$tree/.git" ] && [ ! -L "$tree/.git" ] && [ -e "$meta/source" ] || fail occupied
        # A container can write there. What leads out of the Git directory is not followed.
        [ ! -e "$tree/.git/commondir" ] || fail occupied
        for part in config index shallow HEAD packed-refs objects refs info; do
            [ ! -L "$tree/.git/$part" ] || fail occupied
        done
        return 0
    fi
    [ ! -e "$tree" ] && [ ! -L "$tree" ] && return 1
    [ -d "$tree" ] && [ -z "$(ls -A "$tree")" ] || fail occupied
    return 1
}

# forget: what ez knew of a work tree that is gone.
forget() { rm -rf "$shadow" "$meta/pending" "$meta/state" "$meta/source" "$meta/migrate"; }

# come_from SOURCE: refuse a work tree that was made from something else.
come_from() {
    [ "$(cat "$meta/source")" = "$1" ] || fail other-source "$(cat "$meta/source")"
}

# use GITDIR: put a Git directory of ez's own before the objects of GITDIR, so that no configuration which the repo
# or its containers wrote takes part in reading or writing files.
use() {
    real=$1
    rm -rf "$shadow/refs" "$shadow/packed-refs" "$shadow/shallow"
    mkdir -p "$shadow/refs" "$shadow/info"
    rm -f "$shadow"/*.lock
    printf 'ref: refs/heads/none\n' >"$shadow/HEAD"
    if [ "$(git config --file "$real/config" extensions.objectformat)" = sha256 ]; then
        printf '[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectformat = sha256\n'
    else
        printf '[core]\n\trepositoryformatversion = 0\n\tbare = false\n'
    fi >"$shadow/config"
    rm -f "$shadow/info/attributes"
    if [ "$(cat "$meta/source")" = carry ]; then
        # Filters are programs; what they would have made is carried as it is.
        printf '* -filter\n' >"$shadow/info/attributes"
    fi
    [ ! -f "$real/shallow" ] || cp "$real/shallow" "$shadow/shallow"
    empty_tree=$(shadow_git hash-object -t tree /dev/null)
}

# shadow_git ...: objects, the work tree and ez's own index of it. index_git INDEX ...: the same with another index.
shadow_git() { index_git "$shadow/index" "$@"; }
index_git() {
    index=$1
    shift
    (
        cd "$tree"
        # shellcheck disable=SC2086
        GIT_DIR="$shadow" GIT_WORK_TREE="$tree" GIT_OBJECT_DIRECTORY="$real/objects" GIT_INDEX_FILE="$index" \
            git $safe "$@"
    )
}

# real_git ...: references and settings of the work tree, nothing that reads or writes files in it.
real_git() {
    # shellcheck disable=SC2086
    GIT_DIR="$real" GIT_COMMON_DIR="$real" GIT_WORK_TREE="$tree" GIT_ALLOW_PROTOCOL=none git $safe "$@"
}
