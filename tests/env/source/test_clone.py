"""Cloning and updating on a computer: real Git on both sides, over HTTP. Over SSH: test_clone_ssh.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ez.env.reference import parse_reference
from ez.env.source import Source, bring
from ez.errors import SourceError
from ez.events import Event, Notice
from ez.models import Network
from tests.env.source.places import Box, Tree, killing_git
from tests.env.source.server import GitHttpServer, git_http_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    (tmp_path / "srv").mkdir()
    with git_http_server(tmp_path / "srv") as server:
        yield server


@pytest.fixture
def origin(here: Tree, server: GitHttpServer) -> Tree:
    """`here`, whose `publish` branch is what the server has: push with `publish`."""
    here.git("init", "-q", "--bare", "-b", "main", str(server.root / "repo.git"))
    here.git("remote", "add", "srv", str(server.root / "repo.git"))
    here.git("branch", "side", "HEAD~1")
    here.git("tag", "-a", "-m", "one", "v1", "HEAD~1")
    publish(here)
    return here


def publish(origin: Tree) -> None:
    origin.git("push", "-q", "--force", "--prune", "srv", "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")


def clone(
    server: GitHttpServer, box: Box, cache: Path, ref: str | None = None, events: list[Event] | None = None
) -> tuple[Source, Tree]:
    reference = parse_reference(server.url("repo.git"), Path("/"), ref)
    source = bring(box, reference, "proj", cache=cache, sink=(events if events is not None else []).append)
    return source, Tree(Path(source.checkout.path))


def test_a_clone_is_a_plain_clone(origin: Tree, server: GitHttpServer, box: Box, cache: Path, tmp_path: Path) -> None:
    source, there = clone(server, box, cache)
    plain = Tree(tmp_path / "plain")
    plain.path.mkdir()
    plain.git("clone", "-q", server.url("repo.git"), ".")
    assert there.described() == plain.described()
    assert there.path == box.home / "ez/proj"
    assert (source.checkout.branch, source.checkout.detail) == ("main", "cloned")
    assert source.checkout.commit == origin.git("rev-parse", "main").strip()
    assert there.git("rev-parse", "--abbrev-ref", "main@{upstream}") == "origin/main\n"
    assert there.git("pull") == "Already up to date.\n"


def test_nothing_new_is_one_round_trip_and_no_change(
    origin: Tree, server: GitHttpServer, box: Box, cache: Path
) -> None:
    _, there = clone(server, box, cache)
    before, calls = there.fingerprint(), box.scripts
    source, _ = clone(server, box, cache)
    assert (box.scripts - calls, source.checkout.detail) == (1, "")
    assert there.fingerprint() == before


def test_a_clean_branch_follows(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    _, there = clone(server, box, cache)
    there.write("untracked there")
    origin.git("rm", "-q", "src/main.py")
    origin.write("docs/new.md")
    origin.git("branch", "-D", "-q", "side")
    origin.git("branch", "side/deeper")
    origin.git("tag", "v2")
    new = origin.commit("new")
    publish(origin)
    source, _ = clone(server, box, cache)
    assert source.checkout.commit == new
    assert "->" in source.checkout.detail
    assert there.status() == "?? untracked there\0"
    refs = there.git("for-each-ref", "--format=%(refname)").split()
    assert refs == [
        "refs/heads/main",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
        "refs/remotes/origin/side/deeper",
        "refs/tags/v1",
        "refs/tags/v2",
    ]


def _edit(there: Tree) -> None:
    there.write("readme", "edited\n")


def _stage(there: Tree) -> None:
    there.write("added")
    there.git("add", "added")


def _stand_in_the_way(there: Tree) -> None:
    there.write("coming", "mine\n")


def _stand_in_the_way_ignored(there: Tree) -> None:
    there.write("coming.log", "mine\n")


def _commit(there: Tree) -> None:
    there.commit("mine")


def _detach(there: Tree) -> None:
    there.git("checkout", "-q", "--detach")


def _branch(there: Tree) -> None:
    there.git("checkout", "-q", "-b", "topic")


@pytest.mark.parametrize(
    ("work", "detail"),
    [
        (_edit, "changes that are not committed were left alone, 1 new commits wait"),
        (_stage, "changes that are not committed were left alone, 1 new commits wait"),
        (_stand_in_the_way, "files in the way of new ones were left alone, 1 new commits wait"),
        (_stand_in_the_way_ignored, "files in the way of new ones were left alone, 1 new commits wait"),
        (_commit, "1 of its commits and 1 of the repo's are not merged"),
        (_detach, "HEAD is detached, so nothing was updated"),
        (_branch, "its branch follows no branch of the repo, so nothing was updated"),
    ],
)
def test_work_done_there_is_left_alone(
    work: Callable[[Tree], None], detail: str, origin: Tree, server: GitHttpServer, box: Box, cache: Path
) -> None:
    _, there = clone(server, box, cache)
    work(there)
    before = there.described()
    origin.write("readme", "new\n")
    origin.write("coming")
    origin.write("coming.log")
    origin.git("add", "-f", "coming.log")
    new = origin.commit("new")
    publish(origin)
    source, _ = clone(server, box, cache)
    after = there.described()
    assert source.checkout.detail == detail
    assert {key: after[key] for key in ("status", "head", "index", "files")} == {
        key: before[key] for key in ("status", "head", "index", "files")
    }
    assert there.git("rev-parse", "origin/main").strip() == new


def test_commits_not_pushed_are_told(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    _, there = clone(server, box, cache)
    mine = there.commit("mine")
    source, _ = clone(server, box, cache)
    assert (source.checkout.commit, source.checkout.detail) == (mine, "1 of its commits are not pushed")


def test_ref_names_a_branch_a_tag_or_a_commit(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    first = origin.git("rev-parse", "main~1").strip()
    hidden = origin.git("commit-tree", "-m", "pull request", "main^{tree}").strip()
    origin.git("push", "-q", "srv", f"{hidden}:refs/pull/1/head")
    for ref, branch, commit in [
        ("side", "side", first),
        ("v1", "", first),
        (first[:9], "", first),
        ("refs/heads/main", "main", origin.git("rev-parse", "main").strip()),
        ("refs/pull/1/head", "", hidden),
        (None, "", hidden),
        ("side", "side", first),
    ]:
        source, there = clone(server, box, cache, ref)
        assert (ref, source.checkout.branch, source.checkout.commit) == (ref, branch, commit)
        assert there.status() == ""
    assert there.git("rev-parse", "--abbrev-ref", "side@{upstream}") == "origin/side\n"
    with pytest.raises(SourceError, match="no such branch, tag or commit: `nowhere`"):
        clone(server, box, cache, "nowhere")
    assert there.git("symbolic-ref", "HEAD") == "refs/heads/side\n"


def test_ref_at_the_first_clone(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    with pytest.raises(SourceError, match="no such branch"):
        clone(server, box, cache, "nowhere")
    assert not (box.home / "ez/proj").exists()
    source, there = clone(server, box, cache, "side")
    assert source.checkout.branch == "side"
    assert there.git("status", "--branch", "--porcelain") == "## side...origin/side\n"


def test_ref_does_not_leave_work_behind(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    _, there = clone(server, box, cache)
    there.write("readme", "edited\n")
    with pytest.raises(SourceError, match="not committed"):
        clone(server, box, cache, "side")
    there.git("checkout", "-q", "--detach")
    there.commit("on no branch")
    with pytest.raises(SourceError, match="no branch holds"):
        clone(server, box, cache, "side")
    there.git("branch", "kept")
    assert clone(server, box, cache, "side")[0].checkout.branch == "side"
    assert clone(server, box, cache, "kept")[0].checkout.branch == "kept"


def test_an_empty_repo_fills_up_later(server: GitHttpServer, here: Tree, box: Box, cache: Path) -> None:
    here.git("init", "-q", "--bare", "-b", "main", str(server.root / "repo.git"))
    here.git("remote", "add", "srv", str(server.root / "repo.git"))
    source, there = clone(server, box, cache)
    assert (source.checkout.commit, source.checkout.branch) == ("", "main")
    publish(here)
    source, _ = clone(server, box, cache)
    assert source.checkout.commit == here.git("rev-parse", "main").strip()
    assert there.status() == ""


@pytest.mark.thorough
@pytest.mark.parametrize("first", [True, False], ids=["clone", "update"])
def test_killed_at_every_command_it_converges(
    first: bool, origin: Tree, server: GitHttpServer, box: Box, cache: Path, tmp_path: Path
) -> None:
    clone(server, box, cache)
    for call in range(1, 60):
        if first:
            shutil.rmtree(box.home / "ez/proj")
        origin.write("readme", f"{call}\n")
        origin.write(f"file {call}")
        new = origin.commit(f"commit {call}")
        publish(origin)
        events: list[Event] = []
        try:
            clone(server, Box(box.home, killing_git(tmp_path / "shim", call)), cache, events=events)
        except SourceError:
            source, there = clone(server, box, cache)
            assert source.checkout.commit == new
            assert there.status() == ""
        else:
            assert call > 10
            break
    else:
        pytest.fail("never got to the end")
    Tree(box.home / "ez/proj").git("fsck", "--strict")
    assert not list((box.home / "ez/.ez/.source/proj").glob("clone.*"))


def test_a_cut_link_leaves_nothing_half(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    server.cut_after = 200
    with pytest.raises(SourceError):
        clone(server, box, cache)
    assert not (box.home / "ez/proj").exists()
    server.cut_after = None
    _, there = clone(server, box, cache)
    assert there.status() == ""

    origin.commit("new")
    publish(origin)
    server.cut_after = 200
    events: list[Event] = []
    source, _ = clone(server, box, cache, events=events)
    assert source.checkout.commit == there.git("rev-parse", "main").strip()
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert any("used as it is" in text for text in notices)
    with pytest.raises(SourceError):
        clone(server, box, cache, "not-seen-yet")


def test_another_repo_under_the_same_name_is_refused(
    origin: Tree, server: GitHttpServer, box: Box, cache: Path
) -> None:
    clone(server, box, cache)
    other = parse_reference(server.url("other.git"), Path("/"))
    with pytest.raises(SourceError, match=r"came from elsewhere: `clone 127.0.0.1:\d+/repo`"):
        bring(box, other, "proj", cache=cache)
    same = parse_reference(server.url("repo"), Path("/"))
    with pytest.raises(SourceError, match="came from elsewhere"):
        bring(box, parse_reference(str(origin.path), Path("/")), "proj", cache=cache)
    assert bring(box, same, "proj", cache=cache).checkout.branch == "main"


def test_what_the_clone_configures_does_not_run(
    origin: Tree, server: GitHttpServer, box: Box, cache: Path, tmp_path: Path
) -> None:
    """Whatever runs in the container can write `.git`; on the computer nothing of it may come alive."""
    _, there = clone(server, box, cache)
    trap = f"touch '{tmp_path / 'trap'}'"
    for key, value in {
        "core.fsmonitor": f"{trap}; false",
        "core.sshCommand": trap,
        "credential.helper": f"!{trap}",
        "core.askPass": f"sh -c '{trap}'",
        "core.gitProxy": trap,
        "filter.evil.clean": f"{trap}; cat",
        "filter.evil.smudge": f"{trap}; cat",
        "filter.evil.process": trap,
        "remote.origin.uploadpack": trap,
        "core.alternateRefsCommand": trap,
        "core.hooksPath": str(tmp_path / "hooks"),
        "gpg.program": trap,
        "diff.external": trap,
        "remote.origin.promisor": "true",
    }.items():
        there.git("config", key, value)
    for hook in ("post-checkout", "post-merge", "reference-transaction", "post-index-change", "pre-auto-gc"):
        there.write(f".git/hooks/{hook}", f"#!/bin/sh\n{trap}\n", 0o755)
        Tree(tmp_path).write(f"hooks/{hook}", f"#!/bin/sh\n{trap}\n", 0o755)
    (there.path / ".git/info").mkdir(exist_ok=True)
    there.write(".git/info/attributes", "* filter=evil diff=evil\n")
    (tmp_path / "trap").unlink(missing_ok=True)
    origin.write("readme", "new\n")
    origin.write(".gitattributes", "* filter=evil\n")
    new = origin.commit("new")
    publish(origin)
    source, _ = clone(server, box, cache)
    assert source.checkout.commit == new
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("absent.git", "no such repo", "correct the address"),
        ("private.git", "asks for a login", "git@host:path"),
    ],
)
def test_what_the_server_refuses_says_why(
    name: str, message: str, hint: str, server: GitHttpServer, box: Box, cache: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        bring(box, parse_reference(server.url(name), Path("/")), "proj", cache=cache)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_server_that_is_away_says_so(server: GitHttpServer, box: Box, cache: Path) -> None:
    for url, message in [
        ("http://127.0.0.1:9/repo.git", "cannot be reached from `box`"),
        ("http://no-such-host.invalid/repo.git", "`box` finds no address"),
    ]:
        with pytest.raises(SourceError, match=message):
            bring(box, parse_reference(url, Path("/")), "proj", cache=cache)


def test_a_computer_without_git_says_so(server: GitHttpServer, box: Box, cache: Path, tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for tool in ("sh", "tar", "mkdir", "rm"):
        (bin_ / tool).symlink_to(shutil.which(tool) or tool)
    with pytest.raises(SourceError, match="no Git on `box`"):
        clone(server, Box(box.home, {"PATH": str(bin_)}), cache)


def test_certificates_are_sent_once(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    network = Network(ca_bundle="-----BEGIN CERTIFICATE-----\n" * 3000)
    for scripts in (2, 3):
        bring(box, parse_reference(server.url("repo.git"), Path("/")), "proj", cache=cache, network=network)
        assert box.scripts == scripts
    (kept,) = (box.home / "ez/.ez").glob("authorities-*.pem")
    assert kept.read_text() == network.ca_bundle


def test_a_proxy_is_used_and_its_password_not_shown(box: Box, cache: Path) -> None:
    network = Network(http_proxy="http://ada:secret@127.0.0.1:9")
    events: list[Event] = []
    with pytest.raises(SourceError, match=r"cannot be reached from `box`: `127\.0\.0\.1`") as caught:
        bring(
            box,
            parse_reference("http://git.invalid/repo.git", Path("/")),
            "proj",
            cache=cache,
            network=network,
            sink=events.append,
        )
    assert "secret" not in repr(events) + repr(caught.value) + " ".join(box.arguments)


def test_plain_http_is_warned_of(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    events: list[Event] = []
    clone(server, box, cache, events=events)
    assert [event.level for event in events if isinstance(event, Notice)] == ["warning"]


def test_submodules_come_with_the_clone(origin: Tree, server: GitHttpServer, box: Box, cache: Path) -> None:
    part = Tree.init(origin.path.with_name("part"))
    part.write("inside", "of the part\n")
    part.commit()
    part.git("clone", "-q", "--bare", ".", str(server.root / "part.git"))
    origin.git("submodule", "--quiet", "add", str(part.path), "part")
    origin.git("config", "-f", ".gitmodules", "submodule.part.url", "../part.git")
    origin.git("config", "-f", ".gitmodules", "submodule.gone.path", "gone")
    origin.commit("with a part")
    publish(origin)
    source, there = clone(server, box, cache)
    assert (there.path / "part/inside").read_text() == "of the part\n"
    assert there.status() == ""
    assert source.checkout.detail == "cloned"
