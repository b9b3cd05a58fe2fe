"""Carrying a repo over: the same there as here, nothing changed here, nothing lost there."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ez.env.reference import parse_reference
from ez.env.source import Source, bring
from ez.env.source.work import LARGEST_UNTRACKED
from ez.errors import SourceError
from ez.events import Event, Notice
from ez.ssh.local import LocalHost
from tests.env.source.places import Box, Tree, killing_git
from tests.env.source.states import STATES, clean


def carry(here: Tree, box: Box, cache: Path) -> tuple[Source, Tree]:
    source = bring(box, parse_reference(str(here.path), Path("/")), "proj", cache=cache)
    return source, Tree(Path(source.checkout.path))


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.__name__))
def test_the_state_there_is_the_state_here(
    state: Callable[[Tree], None], here: Tree, box: Box, cache: Path, tmp_path: Path
) -> None:
    state(here)
    before = here.fingerprint()

    source, there = carry(here, box, cache)

    assert here.fingerprint() == before
    assert not (tmp_path / "trap").exists()
    assert there.described() == here.described()
    assert there.path == box.home / "ez" / "proj"
    assert source.checkout.commit == here.git("rev-parse", "-q", "--verify", "HEAD", check=False).strip()

    after, calls, sent = there.fingerprint(), box.scripts, box.sent
    again, _ = carry(here, box, cache)
    assert there.fingerprint() == after
    assert (box.scripts - calls, again.checkout.detail) == (1, "")
    assert box.sent - sent < 4096
    there.git("fsck", "--strict")


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.__name__))
def test_a_carried_repo_follows_to_every_state_and_back(
    state: Callable[[Tree], None], here: Tree, box: Box, cache: Path
) -> None:
    carry(here, box, cache)
    state(here)
    _, there = carry(here, box, cache)
    assert _without_log(there) == _without_log(here)
    assert box.scripts == 4 if state is not clean else 3


def _without_log(tree: Tree) -> dict[str, object]:
    """History that was cut off here later stays whole there."""
    return {key: value for key, value in tree.described().items() if key != "log"}


def test_a_repo_of_sha256_is_carried(box: Box, cache: Path, tmp_path: Path) -> None:
    here = Tree.init(tmp_path / "newer", "--object-format=sha256")
    here.write("readme")
    here.commit()
    here.write("new")
    _, there = carry(here, box, cache)
    here.write("readme", "changed\n")
    carry(here, box, cache)
    assert there.described() == here.described()


def test_only_differences_travel(here: Tree, box: Box, cache: Path) -> None:
    here.write("noise", random.Random(1).randbytes(400_000))
    here.write("large untracked", random.Random(2).randbytes(400_000))
    here.git("add", "noise")
    here.commit("large")
    here.write("large untracked too", random.Random(3).randbytes(400_000))
    carry(here, box, cache)
    sent = box.sent
    here.write("readme", "small\n")
    here.commit("small")
    here.write("readme", "smaller\n")
    carry(here, box, cache)
    assert box.sent - sent < 40_000


def test_the_remote_goes_along_without_its_password(here: Tree, box: Box, cache: Path) -> None:
    here.git("remote", "add", "origin", "https://ada:secret@git.example.org/o/r.git")
    here.git("remote", "add", "program", "ext::sh -c pwned")
    here.git("config", "branch.main.remote", "origin")
    here.git("config", "branch.main.merge", "refs/heads/main")
    here.git("config", "user.email", "ada@example.org")
    here.git("config", "http.extraHeader", "Authorization: secret")
    _, there = carry(here, box, cache)
    assert there.git("remote", "-v").count("https://ada@git.example.org/o/r.git") == 2
    config = (there.path / ".git/config").read_text()
    assert "secret" not in config
    assert "pwned" not in config
    assert there.git("config", "branch.main.merge") == "refs/heads/main\n"
    assert there.git("config", "user.email") == "ada@example.org\n"

    here.git("remote", "set-url", "origin", "git@git.example.org:o/r.git")
    here.git("config", "--unset", "user.email")
    carry(here, box, cache)
    assert there.git("config", "--get-all", "remote.origin.url") == "git@git.example.org:o/r.git\n"
    assert there.git("config", "--local", "user.email", check=False) == ""


def test_work_done_there_is_kept_when_nothing_changed_here(here: Tree, box: Box, cache: Path) -> None:
    _, there = carry(here, box, cache)
    there.write("readme", "edited there\n")
    there.write("new there")
    there.git("add", "new there")
    there.commit("there")
    there.write("readme", "and again\n")
    before = there.fingerprint()
    calls = box.scripts
    source, _ = carry(here, box, cache)
    assert there.fingerprint() == before
    assert box.scripts == calls + 1
    assert source.checkout.detail == "kept the work done there"
    assert source.checkout.commit == there.git("rev-parse", "HEAD").strip()


def test_changes_of_both_sides_that_do_not_touch_go_together(here: Tree, box: Box, cache: Path) -> None:
    _, there = carry(here, box, cache)
    there.write("src/main.py", "print('there')\n")
    there.write("out/result.txt", "made there\n")
    there.git("branch", "made-there")
    here.write("readme", "here\n")
    here.write("more", "here\n")
    here.git("branch", "made-here")
    carry(here, box, cache)
    assert (there.path / "readme").read_text() == "here\n"
    assert (there.path / "more").read_text() == "here\n"
    assert (there.path / "src/main.py").read_text() == "print('there')\n"
    assert (there.path / "out/result.txt").read_text() == "made there\n"
    assert there.git("branch", "--format=%(refname:short)").split() == ["made-here", "made-there", "main"]


def _edit(tree: Tree) -> None:
    tree.write("readme", f"edited in {tree.path.name}\n")


def _add(tree: Tree) -> None:
    tree.write("same name", tree.path.name)


def _add_ignored(tree: Tree) -> None:
    tree.write("data/set", tree.path.name)
    tree.git("add", "-f", "data/set")


def _commit(tree: Tree) -> None:
    tree.commit(f"made in {tree.path.name}")


def _stage(tree: Tree) -> None:
    tree.write("readme", f"staged in {tree.path.name}\n")
    tree.git("add", "readme")


def _switch(tree: Tree) -> None:
    tree.git("checkout", "-q", "-b", tree.path.name)


def _move_a_branch(tree: Tree) -> None:
    tree.git("branch", "side", tree.git("commit-tree", "-m", tree.path.name, "HEAD^{tree}").strip())


def _file_for_directory(tree: Tree) -> None:
    if tree.path.name == "here":
        tree.write("data/set/inner")
        tree.git("add", "-f", "data")
    else:
        tree.write("data/set", "a file there\n")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_edit, "readme"),
        (_add, "same name"),
        (_add_ignored, "staged files"),
        (_commit, "heads/main"),
        (_stage, "staged files"),
        (_switch, "the branch that is checked out"),
        (_move_a_branch, "heads/side"),
        (_file_for_directory, "data/set"),
    ],
)
def test_what_changed_on_both_sides_is_kept_and_told(
    change: Callable[[Tree], None], told: str, here: Tree, box: Box, cache: Path
) -> None:
    _, there = carry(here, box, cache)
    change(there)
    change(here)
    before = there.described()
    ignored = (there.path / "data/set").read_bytes() if (there.path / "data").exists() else b""
    for _ in range(2):
        with pytest.raises(SourceError, match="here and on `box`") as caught:
            carry(here, box, cache)
        assert told in caught.value.message
        assert caught.value.hint
        assert there.described() == before
        assert not ignored or (there.path / "data/set").read_bytes() == ignored


def test_the_same_work_on_both_sides_is_no_conflict(here: Tree, box: Box, cache: Path) -> None:
    _, there = carry(here, box, cache)
    here.commit("made here and brought there by Git")
    there.git("fetch", "-q", str(here.path), "main")
    there.git("merge", "-q", "--ff-only", "FETCH_HEAD")
    here.write("readme", "here\n")
    carry(here, box, cache)
    assert there.described() == here.described()


@pytest.mark.thorough
@pytest.mark.parametrize("first", [True, False], ids=["first carry", "later carry"])
def test_killed_at_every_command_it_converges(first: bool, here: Tree, box: Box, cache: Path, tmp_path: Path) -> None:
    carry(here, box, cache)
    for call in range(1, 60):
        if first:
            shutil.rmtree(box.home / "ez")
        here.write("readme", f"{call}\n")
        here.commit(f"commit {call}")
        here.write(f"staged {call}")
        here.git("add", f"staged {call}")
        (here.path / f"staged {call - 1}").unlink(missing_ok=True)
        here.write("readme", f"again {call}\n")
        killed = Box(box.home, killing_git(tmp_path / "shim", call))
        try:
            carry(here, killed, cache)
        except SourceError:
            there = carry(here, box, cache)[1]
            assert there.described() == here.described()
        else:
            assert call > 15
            break
    else:
        pytest.fail("never got to the end")
    assert carry(here, box, cache)[0].checkout.detail == ""
    Tree(box.home / "ez/proj").git("fsck", "--strict")
    assert not list((box.home / "ez/.ez/.source/proj").glob("kept"))


def kill_in_the_middle(here: Tree, box: Box, cache: Path, tmp_path: Path) -> None:
    """Before the first file is written."""
    for call in range(20, 60):
        with pytest.raises(SourceError):
            carry(here, Box(box.home, killing_git(tmp_path / "shim", call)), cache)
        if (box.home / "ez/.ez/.source/proj/pending").exists():
            return


def test_half_written_files_are_moved_aside(here: Tree, box: Box, cache: Path, tmp_path: Path) -> None:
    for name in ("whole", "half", "gone", "untouched", "taken"):
        here.write(name, "before\n")
    _, there = carry(here, box, cache)
    for name in ("whole", "half", "untouched", "added"):
        here.write(name, "after, and longer\n")
    (here.path / "gone").unlink()
    (here.path / "taken").unlink()
    kill_in_the_middle(here, box, cache, tmp_path)
    there.write("whole", "after, and longer\n")
    there.write("half", "after, a")
    there.write("added", "")
    there.write("taken", "edited meanwhile\n")
    carry(here, box, cache)
    assert there.described() == here.described()
    (kept,) = (box.home / "ez/.ez/.source/proj/kept").iterdir()
    assert {file.name: file.read_text() for file in kept.iterdir()} == {
        "half": "after, a",
        "added": "",
        "taken": "edited meanwhile\n",
    }


def test_locks_that_a_killed_run_left_are_removed(here: Tree, box: Box, cache: Path, tmp_path: Path) -> None:
    _, there = carry(here, box, cache)
    here.commit("more")
    kill_in_the_middle(here, box, cache, tmp_path)
    there.write(".git/refs/heads/main.lock", "")
    there.write(".git/index.lock", "")
    (box.home / "ez/.ez/.source/proj/git/index.lock").write_text("")
    carry(here, box, cache)
    assert there.described() == here.described()


def test_a_lock_of_somebody_else_is_respected(here: Tree, box: Box, cache: Path) -> None:
    _, there = carry(here, box, cache)
    here.commit("more")
    there.write(".git/refs/heads/main.lock", "")
    with pytest.raises(SourceError, match="moved while"):
        carry(here, box, cache)
    assert (there.path / ".git/refs/heads/main.lock").exists()
    (there.path / ".git/refs/heads/main.lock").unlink()
    carry(here, box, cache)
    assert there.described() == here.described()


def test_a_deleted_work_tree_is_carried_anew(here: Tree, box: Box, cache: Path) -> None:
    _, there = carry(here, box, cache)
    shutil.rmtree(there.path)
    carry(here, box, cache)
    assert there.described() == here.described()


@pytest.mark.parametrize("kind", ["files", "repo", "link", "git link", "clone"])
def test_what_stands_in_its_place_is_left_alone(kind: str, here: Tree, box: Box, cache: Path, tmp_path: Path) -> None:
    place = box.home / "ez/proj"
    if kind == "repo":
        Tree.init(place)
    elif kind == "link":
        place.parent.mkdir()
        place.symlink_to(tmp_path / "no" / "where")
    elif kind == "git link":
        carry(here, box, cache)
        (place / ".git").rename(tmp_path / "elsewhere")
        (place / ".git").symlink_to(tmp_path / "elsewhere")
    elif kind == "clone":
        carry(here, box, cache)
        (box.home / "ez/.ez/.source/proj/source").write_text("clone example.org/other")
    else:
        Tree(place).write("mine")
    before = Tree(place).fingerprint()
    with pytest.raises(SourceError, match=r"is taken by|came from elsewhere: `clone example.org/other`"):
        carry(here, box, cache)
    assert Tree(place).fingerprint() == before


def test_of_two_at_once_one_waits_or_says_so(here: Tree, box: Box, cache: Path) -> None:
    with ThreadPoolExecutor() as pool:
        results = [pool.submit(carry, here, Box(box.home), cache / str(number)) for number in range(3)]
        errors = [result.exception() for result in results]
    assert None in errors
    assert {str(error) for error in errors if error} <= {"another ez carried to `box` at the same time"}
    assert Tree(box.home / "ez/proj").described() == here.described()


def _no_repo(here: Tree) -> None:
    shutil.rmtree(here.path / ".git")


def _bare(here: Tree) -> None:
    here.git("config", "core.bare", "true")


def _partial(here: Tree) -> None:
    here.git("config", "remote.origin.promisor", "true")


def _merging(here: Tree) -> None:
    here.git("checkout", "-q", "-b", "other", "HEAD~1")
    here.write("readme", "three\n")
    here.commit()
    here.git("merge", "-q", "main", check=False)


@pytest.mark.parametrize(
    ("spoil", "message", "hint"),
    [
        (_no_repo, "not a Git repo", "git init"),
        (_bare, "bare", "clone"),
        (_partial, "partial clone", "--filter"),
        (_merging, "unfinished merge cannot be carried: `readme`", "git commit"),
    ],
)
def test_what_cannot_be_carried_says_why(
    spoil: Callable[[Tree], None], message: str, hint: str, here: Tree, box: Box, cache: Path
) -> None:
    spoil(here)
    with pytest.raises(SourceError) as caught:
        carry(here, box, cache)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert box.scripts == 0


def test_more_data_than_work_is_refused(here: Tree, box: Box, cache: Path) -> None:
    with (here.path / "model.bin").open("wb") as file:
        file.truncate(LARGEST_UNTRACKED + 1)
    with pytest.raises(SourceError, match=r"model.bin"):
        carry(here, box, cache)


def test_what_stays_behind_is_told(here: Tree, box: Box, cache: Path) -> None:
    Tree.init(here.path / "inner").commit()
    here.write("readme", "stashed\n")
    here.git("stash", "push", "-q")
    events: list[Event] = []
    bring(box, parse_reference(str(here.path), Path("/")), "proj", cache=cache, sink=events.append)
    told = [event.text for event in events if isinstance(event, Notice)]
    assert told == ["the repo inside this one stays here: `inner/`", "stashes stay here"]
    assert not (box.home / "ez/proj/inner").exists()


def test_on_this_computer_the_directory_is_used_in_place(here: Tree, cache: Path, tmp_path: Path) -> None:
    host = LocalHost(environment={"PATH": os.environ["PATH"]}, home=tmp_path)
    before = here.fingerprint()
    source = bring(host, parse_reference(str(here.path / "src"), Path("/")), "proj", cache=cache)
    assert (source.directory, source.fetched, source.checkout.path) == (here.path, None, str(here.path))
    assert source.checkout.branch == "main"
    assert here.fingerprint() == before
    with pytest.raises(SourceError, match="stays on its own branch"):
        bring(host, parse_reference(str(here.path), Path("/"), "v1"), "proj", cache=cache)
