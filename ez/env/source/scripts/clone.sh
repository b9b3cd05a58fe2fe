# clone a repo, or bring its clone up to date where nothing stands in the way: NAME SOURCE URL REF AUTHORITIES
lock "$1"
source=$2 url=$3 ref=$4
final=$tree
say path "$final"

# Certificates are sent once and kept under their own checksum.
if [ -n "$5" ]; then
    authorities=$home/ez/.ez/authorities-$5.pem
    [ ! -e "$work/authorities" ] || mv -f "$work/authorities" "$authorities"
    if [ ! -e "$authorities" ]; then
        say need authorities
        say done yes
        exit 0
    fi
    export GIT_SSL_CAINFO="$authorities"
fi
while IFS= read -r line; do
    case $line in http_proxy=* | https_proxy=* | no_proxy=*) export "${line?}" ;; esac
done <"$work/proxies"
export GIT_ALLOW_PROTOCOL=https:http:ssh GIT_LFS_SKIP_SMUDGE=1
mv -f "$work/known_hosts" "$meta/known_hosts"
export EZ_KNOWN_HOSTS="$meta/known_hosts"
export GIT_SSH_COMMAND='ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=20 \
    -o ServerAliveInterval=15 -o ControlMaster=no -o ControlPath=none -o "UserKnownHostsFile=\"$EZ_KNOWN_HOSTS\""'
safe="$safe -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=60"

# What talks to servers does not hold the lock: it may start a helper that lives on.
in_clone() {
    # shellcheck disable=SC2086
    (cd "$tree" && git $safe "$@" 9>&-)
}

clone() {
    rm -rf "$meta"/clone.*
    printf '%s' "$source" >"$meta/source"
    tree=$(mktemp -d "$meta/clone.XXXXXX")
    in_clone clone --quiet --no-checkout --template= -- "$url" .
    chmod "$(umask -S)" "$tree"
    use "$tree/.git"
    know_haves
}

# know_haves: ez's own Git directory has the references of the clone.
know_haves() {
    real_git for-each-ref --format='%(objectname) %(refname) %(symref)' | awk 'NF == 2 { print $1, $2 }' >"$shadow/packed-refs"
}

fetch() {
    shadow_git fetch --quiet --prune --no-recurse-submodules -- "$url" '+refs/heads/*:refs/remotes/origin/*' 9>&-
}

commit_of() { "$1" rev-parse -q --verify "$2^{commit}" 2>/dev/null || :; }
is_ancestor() { shadow_git merge-base --is-ancestor "$1" "$2"; }
count() { shadow_git rev-list --count "$1..$2"; }

# compare MINE THEIRS: what to move a branch to; tells where it cannot simply follow.
compare() {
    to_commit=$1
    if [ -z "$1" ] || is_ancestor "$1" "$2"; then
        to_commit=$2
    elif is_ancestor "$2" "$1"; then
        say ahead "$(count "$2" "$1")"
    else
        say diverged "$(count "$2" "$1") $(count "$1" "$2")"
    fi
}

# follow: the branch that is checked out goes where its upstream went.
follow() {
    to_head=$head to_commit=$commit
    if [ -z "$head" ]; then
        say left detached
        return
    fi
    upstream=refs/remotes/origin/${head#refs/heads/}
    if [ -n "$commit" ]; then
        upstream=$(real_git for-each-ref --format='%(upstream)' "$head")
    fi
    case $upstream in
        refs/*) theirs=$(commit_of shadow_git "$upstream") ;;
        *) theirs= ;;
    esac
    if [ -n "$theirs" ]; then
        compare "$commit" "$theirs"
    elif [ -n "$commit" ]; then
        say left untracked
    fi
}

# choose REF: a branch of the repo, one made here, a tag, or a commit.
choose() {
    branch=${1#refs/heads/}
    theirs=$(commit_of shadow_git "refs/remotes/origin/$branch")
    mine=$(commit_of real_git "refs/heads/$branch")
    if [ -n "$theirs$mine" ]; then
        to_head=refs/heads/$branch to_commit=$mine
        if [ -n "$theirs" ]; then
            compare "$mine" "$theirs"
        fi
        [ -n "$mine" ] || track=$branch
        return
    fi
    to_head= to_commit=$(commit_of shadow_git "refs/tags/${1#refs/tags/}")
    [ -n "$to_commit" ] || to_commit=$(commit_of shadow_git "$1")
    [ -n "$to_commit" ] || fetch_commit "$1"
}

fetch_commit() {
    [ -z "$stale" ] || exit 21
    if shadow_git fetch --quiet --no-recurse-submodules -- "$url" "$1" 9>&-; then
        to_commit=$(commit_of shadow_git FETCH_HEAD)
    fi
    [ -n "$to_commit" ] || fail ref-missing "$1"
}

is_clean() {
    rm -f "$shadow/index"
    [ ! -f "$real/index" ] || cp -p "$real/index" "$shadow/index"
    ! is_edited && shadow_git diff-index --cached --quiet --ignore-submodules=dirty "${commit:-$empty_tree}" --
}

# Commits that no name leads to would be out of sight after a switch.
leaves_commits_behind() {
    [ -z "$head" ] && [ -n "$commit" ] &&
        [ -n "$(real_git rev-list --max-count=1 "$commit" --not --branches --remotes --tags '--glob=refs/ez/*')" ]
}

# moved_names: what the repo has moved, as lines: name, new, old. Tags that are here stay.
moved_names() {
    real_git for-each-ref --format='%(refname) %(objectname) %(symref)' refs/remotes/origin refs/tags |
        awk 'NF == 2' >"$work/here"
    shadow_git for-each-ref --format='%(refname) %(objectname)' refs/remotes/origin refs/tags >"$work/there"
    awk 'function none(id) { gsub(/./, "0", id); return id }
        FILENAME == ARGV[1] { here[$1] = $2; next }
        { there[$1] = 1 }
        !($1 in here) { print $1, $2, none($2); next }
        here[$1] != $2 && $1 ~ /^refs\/remotes\// { print $1, $2, here[$1] }
        END { for (name in here) if (!(name in there) && name ~ /^refs\/remotes\//)
            print name, none(here[name]), here[name] }' "$work/here" "$work/there"
}

plan_move() {
    rm -rf "$meta/pending.new"
    mkdir "$meta/pending.new"
    (
        cd "$meta/pending.new"
        cp "$work/refs" refs
        name=${to_head:-refs/ez/at}
        old=$(commit_of real_git "$name")
        printf '%s %s %s\n' "$name" "$to_commit" "${old:-$(printf %s "$to_commit" | tr 0-9a-f 0)}" >>refs
        printf '%s\n' "${to_head:-$to_commit}" >head
        printf '%s\n' "$before" >base
        printf '%s\n' "$after" | tee target >index
        if [ -n "$track" ]; then
            printf 'branch.%s.remote\0branch.%s.merge\0' "$track" "$track" >settings.unset
            printf 'branch.%s.remote\0origin\0branch.%s.merge\0refs/heads/%s\0' "$track" "$track" "$track" >settings.add
        fi
    )
    mv "$meta/pending.new" "$meta/pending"
}

# settle: go where `ref`, or else the upstream, says; leave alone what the person has begun here.
settle() {
    head=$(real_git symbolic-ref -q HEAD || :)
    commit=$(commit_of real_git HEAD)
    track=
    if [ -n "$ref" ]; then choose "$ref"; else follow; fi
    moved_names >"$work/refs"
    before=$empty_tree after=
    [ -z "$commit" ] || before=$(shadow_git rev-parse "$commit^{tree}")
    [ -z "$to_commit" ] || after=$(shadow_git rev-parse "$to_commit^{tree}")
    fresh=
    [ -e "$real/index" ] || fresh=yes
    if [ -z "$fresh" ] && [ "$to_head $to_commit" = "$head $commit" ] || [ -z "$to_commit" ]; then
        only_names
    elif [ "$tree" != "$final" ]; then
        before=$empty_tree
        rm -f "$shadow/index"
        rehearse "$before" "$after" || fail unusual "$(head -n 5 "$work/conflict")"
        plan_move
        advance
    elif ! is_clean; then
        stay edited
    elif [ -n "$ref" ] && [ "$to_commit" != "$commit" ] && leaves_commits_behind; then
        fail unnamed "$commit"
    elif ! rehearse "$before" "$after"; then
        stay in-the-way
    else
        plan_move
        advance
        say moved "$commit $to_commit"
    fi
}

stay() {
    if [ -n "$ref" ] && [ "$to_head" != "$head" ] || [ -z "$head$to_head" ]; then
        fail "$1" "$(cat "$work/conflict" 2>/dev/null || :)"
    fi
    say left "$1"
    [ -z "$commit" ] || say behind "$(count "$commit" "$to_commit")"
    only_names
}

only_names() {
    plan=$work
    if [ -s "$plan/refs" ]; then
        move_references
    fi
}

stale=
if tree_is_there; then
    come_from "$source"
    use "$tree/.git"
    if say_pending; then
        say done yes
        exit 0
    fi
    know_haves
    if ! fetch; then
        stale=yes
        say stale yes
    fi
    settle
else
    forget
    clone
    settle
    if [ -e "$tree/.gitmodules" ]; then
        in_clone submodule --quiet update --init --recursive --checkout || say left submodules
    fi
    if git lfs version >/dev/null 2>&1 && in_clone grep -q 'filter=lfs' -- ':(glob)**/.gitattributes'; then
        in_clone lfs pull || say left lfs
    fi
    [ ! -d "$final" ] || rmdir "$final"
    mv "$tree" "$final"
    tree=$final real=$final/.git
    say cloned yes
fi
say head "$(real_git symbolic-ref -q HEAD || :)"
say commit "$(commit_of real_git HEAD)"
list_files "$work/wanted"
say done yes
