"""Work that goes up, is done on both sides, and comes home: what travels, what is named, what is never touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ez.env.migrate.inherit import inherit
from ez.env.migrate.journey import repo_around
from ez.env.migrate.move import Moved, move
from ez.env.migrate.plan import check_path
from ez.env.migrate.side import Side
from ez.env.source import bring
from ez.errors import SourceError
from ez.models import RepoRef
from tests.env.migrate.places import KEY, World, described
from tests.env.migrate.states import submodules_with_work
from tests.env.source.places import Box, Tree, killing_git


def test_work_of_one_side_travels_and_nothing_else(world: World) -> None:
    world.here.write("mine", "here\n")
    world.up()
    world.there.write("readme", "worked there\n")
    world.there.write("fresh", "made there\n")
    world.there.git("add", "fresh")
    (world.there.path / "run.sh").unlink()
    world.here.write("src/main.py", "meanwhile here\n")

    home = world.home()
    assert home.paths == ("fresh", "readme", "run.sh")
    assert home.conflicts == ()
    assert world.here.files()["src/main.py"] != world.there.files()["src/main.py"]
    assert world.here.git("diff", "--cached", "--name-only") == "fresh\n"

    assert world.up().paths == ("src/main.py",)
    assert described(world.here) == described(world.there)
    assert not world.home().changed
    assert not world.up().changed


def test_commits_branches_and_stashes_come_home(world: World) -> None:
    world.up()
    there = world.there
    there.write("readme", "stashed\n")
    there.git("stash")
    there.git("checkout", "-q", "-b", "topic")
    there.write("new", "x\n")
    there.commit("there")
    there.git("branch", "-D", "main")
    wanted = described(there)
    assert set(world.home().names) == {"refs/heads/main", "refs/heads/topic"}
    assert described(world.here) == wanted


def test_what_both_changed_is_named_and_kept(world: World) -> None:
    world.up()
    for tree, word in ((world.here, "here"), (world.there, "there")):
        tree.write("readme", f"{word}\n")
        tree.write(f"only-{word}", f"{word}\n")
        tree.git("branch", "same-name")
    world.here.write("src/main.py", "same on both\n")
    world.there.write("src/main.py", "same on both\n")
    for _ in range(2):
        home = world.home()
        assert home.conflicts == ("readme",)
        assert (world.here.path / "readme").read_text() == "here\n"
        assert (world.here.path / "only-there").exists()
    up = world.up()
    assert up.conflicts == ("readme",)
    assert (world.there.path / "readme").read_text() == "there\n"
    assert (world.there.path / "only-here").exists()
    world.there.write("readme", "here\n")
    assert world.up().conflicts == ()
    world.there.write("readme", "and on\n")
    assert world.home().paths == ("readme",)
    assert described(world.here) == described(world.there)


@pytest.mark.parametrize("place", ["branch", "stash", "merge"])
def test_names_that_both_moved(world: World, place: str) -> None:
    world.here.git("branch", "topic")
    world.up()
    for tree, word in ((world.here, "here"), (world.there, "there")):
        if place == "branch":
            tree.write("readme", f"{word}\n")
            tree.commit(word)
        elif place == "stash":
            tree.write("readme", f"{word}\n")
            tree.git("stash", "push", "-q", "-m", word)
        else:
            tree.git("update-ref", "refs/heads/topic", tree.git("commit-tree", "-m", word, "HEAD^{tree}").strip())
    world.there.git("branch", "fine")
    before = described(world.here)
    home = world.home()
    assert home.conflicts == {"branch": ("main",), "stash": ("the stashes",), "merge": ("topic",)}[place]
    assert "refs/heads/fine" in home.names
    after = described(world.here)
    assert {key for key in before if before[key] != after[key]} <= {"refs", "log"}


def test_a_clone_and_its_origin_meet_without_a_note(world: World) -> None:
    """What was never migrated is compared by its history: only what goes forward moves."""
    world.up()
    second = world.root / "second"
    Tree(world.root).git("clone", "-q", str(world.here.path), str(second))
    world.there.write("readme", "three\n")
    world.there.commit("third")
    world.there.write("loose", "x\n")
    Tree(second).write("own", "stays\n")
    home = world.home(path=second)
    assert home.conflicts == ()
    assert (second / "own").exists()
    assert Tree(second).git("rev-parse", "HEAD") == world.there.git("rev-parse", "HEAD")
    assert (second / "loose").read_text() == "x\n"


def test_ignored_files_only_when_asked_and_from_then_on(world: World) -> None:
    world.here.write("data/a.csv", "1\n")
    world.here.write("data/b.bin", "2\n")
    world.up()
    assert not (world.there.path / "data").exists()
    world.up("data/*.csv")
    assert [file.name for file in (world.there.path / "data").iterdir()] == ["a.csv"]
    world.up()
    world.there.write("data/a.csv", "3\n")
    assert world.home().paths == ("data/a.csv",)
    world.here.write(".gitignore", "*\n")
    world.up()
    assert (world.there.path / "data/a.csv").exists()


def test_what_git_ignores_there_stands_in_the_way(world: World) -> None:
    world.up()
    world.there.write("notes.log", "ignored there\n")
    world.there.write("data/x", "ignored there\n")
    world.here.write(".gitignore", "nothing\n")
    world.here.write("notes.log", "no longer ignored\n")
    world.here.write("data", "a file\n")
    world.here.write("fine", "x\n")
    up = world.up()
    assert up.conflicts == ("data", "notes.log")
    assert (world.there.path / "notes.log").read_text() == "ignored there\n"
    assert (world.there.path / "fine").exists()


def test_work_in_submodules_comes_home(world: World) -> None:
    submodules_with_work(world.here)
    world.up()
    part = Tree(world.there.path / "libs/part")
    part.write("file", "there\n")
    part.commit("in a submodule there")
    Tree(part.path / "below/inner").write("deep", "also\n")
    home = world.home()
    assert home.conflicts == ()
    assert described(world.here) == described(world.there)
    assert (part.path / ".git").read_text().startswith("gitdir: ../../")


def test_a_dry_run_changes_nothing(world: World) -> None:
    world.here.write("readme", "changed\n")
    planned = move(world.person(), world.computer(), world.order(dry_run=True))
    assert "readme" in planned.paths
    assert not world.there.path.exists()


def test_only_differences_travel(world: World) -> None:
    noise = os.urandom(2_000_000)
    world.here.write("large", noise)
    first = world.up()
    assert first.bytes > 2_000_000
    world.here.write("large", noise[:-10] + b"0123456789")
    world.here.write("readme", "three\n")
    world.here.commit("both")
    sent = world.box.sent
    world.up()
    assert world.box.sent - sent < 200_000


def test_two_laptops_alike_do_not_take_one_anothers_notes(world: World) -> None:
    world.up()
    other = replace(world, key="fedcba9876543210")
    other.here.write("readme", "of the other\n")
    assert other.up().paths == ("readme",)


@pytest.mark.parametrize("carried", [False, True], ids=["up", "go"])
def test_from_computer_to_computer_and_home(world: World, tmp_path: Path, carried: bool) -> None:
    """What went from home to the first computer and changed there is no conflict when it comes home from the second."""
    world.here.write("readme", "at home\n")
    borrowed = ""
    if carried:
        cache = tmp_path / "cache"
        bring(world.box, RepoRef(None, str(world.here.path), "env"), "env", cache=cache)
        borrowed = str(cache / "carry.git" / "objects")
    else:
        world.up()
    world.there.write("readme", "on the first\n")
    second, third = Side(Box(tmp_path / "third"), "env"), replace(world, key="3" * 16)
    order = replace(world.order(), key="2" * 16)
    assert move(world.computer(), second, order).conflicts == ()
    inherit(world.computer(), second, KEY, "3" * 16, world.events.append)
    Tree(tmp_path / "third/ez/env").write("src/main.py", "on the second\n")
    home = move(second, replace(world.person(), borrowed=borrowed), third.order())
    assert (home.conflicts, home.paths) == ((), ("readme", "src/main.py"))
    assert world.home().conflicts == ()


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_killed_at_each_start_of_git(world: World, tmp_path: Path, first: bool) -> None:
    """Killed at any point there, the next run ends as if nothing had happened, and asks for nothing."""
    world.here.write("readme", "stashed\n")
    world.here.git("stash")
    world.here.write("readme", "changed\n")
    world.here.write("fresh", "x\n")
    if not first:
        world.up()
        world.here.write("more/deep", "y\n")
        world.here.git("add", "-A")
        world.here.git("commit", "-q", "-m", "more")
        (world.here.path / "src/main.py").unlink()
        world.here.write("src/main.py/now/a/folder", "z\n")
        world.here.git("checkout", "-q", "-b", "next")
    wanted = described(world.here)
    healthy, kept = world.box, tmp_path / "kept"
    places = (healthy.home / "ez", tmp_path / "notes")
    _copy_all(places, kept)
    call = 3
    while True:
        _put_back(places, kept)
        world.box = Box(healthy.home, killing_git(tmp_path / "shim", call))
        finished = _finishes(world)
        world.box = healthy
        assert world.up().conflicts == (), call
        assert described(world.there) == wanted, call
        if finished:
            break
        call += 19
    assert call > 20


@pytest.mark.parametrize("side", ["here", "there"])
def test_what_git_throws_away_is_not_needed(world: World, side: str) -> None:
    world.here.write("folder/doomed", "x\n")
    world.here.commit("doomed")
    world.up()
    tree = getattr(world, side)
    tree.git("reset", "-q", "--hard", "HEAD~1")
    tree.git("reflog", "expire", "--expire=now", "--all")
    tree.git("gc", "-q", "--prune=now")
    tree.write("fresh", "x\n")
    moved = world.up() if side == "here" else world.home()
    assert moved.conflicts == ()
    assert "fresh" in moved.paths
    assert not (world.up() if side == "here" else world.home()).changed


def test_line_ends_of_the_persons_settings_change_no_file(world: World) -> None:
    world.here.git("config", "core.autocrlf", "input")
    world.here.write("dos", b"one\r\ntwo\r\n")
    world.here.commit()
    world.up()
    assert (world.there.path / "dos").read_bytes() == b"one\r\ntwo\r\n"
    assert not world.up().changed


def test_a_folder_that_becomes_a_link_to_its_files(world: World) -> None:
    (world.here.path / "src").rename(world.here.path / "other")
    (world.here.path / "src").symlink_to("other")
    world.up()
    assert described(world.there) == described(world.here)
    assert not world.up().changed


def _copy_all(places: Sequence[Path], kept: Path) -> None:
    for place in places:
        if place.exists():
            shutil.copytree(place, kept / place.name, symlinks=True)


def _put_back(places: Sequence[Path], kept: Path) -> None:
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
        if (kept / place.name).exists():
            shutil.copytree(kept / place.name, place, symlinks=True)


def _finishes(world: World) -> Moved | None:
    try:
        return world.up()
    except SourceError:
        return None


def test_a_hostile_computer_writes_nothing_outside(world: World) -> None:
    world.up()
    trap = world.root / "trap"
    there = world.there
    there.git("config", "filter.evil.smudge", f"touch '{trap}'; cat")
    there.git("config", "filter.evil.clean", f"touch '{trap}'; cat")
    there.git("config", "core.fsmonitor", f"touch '{trap}'; false")
    there.git("config", "core.sshCommand", f"touch '{trap}'")
    there.git("config", "remote.evil.url", f"ext::touch {trap}")
    there.git("config", "remote.evil-too.url", "-o:x")
    there.git("config", "submodule.x.update", f"!touch {trap}")
    there.write(".git/hooks/reference-transaction", f"#!/bin/sh\ntouch '{trap}'\n", 0o755)
    there.write(".gitattributes", "* filter=evil\n")
    (there.path / "link").symlink_to(world.root)
    there.write("fresh", "x\n")
    world.home()
    assert (world.here.path / "fresh").exists()
    assert not trap.exists()
    settings = world.here.git("config", "--local", "--list")
    assert "evil" not in settings
    assert "submodule" not in settings


def test_home_is_a_clone_and_never_a_place_in_another_repo(world: World) -> None:
    inside, url = world.here.path / "src", "git@example.org:ann/thesis.git"
    assert repo_around(inside, url) == (world.here.path, False)
    world.here.git("remote", "add", "origin", "ssh://git@example.org/ann/thesis")
    assert repo_around(inside, url) == (world.here.path, True)
    assert repo_around(world.root, url) == (None, False)


@pytest.mark.parametrize("path", [".git/config", "a/../../x", ".GIT/hooks/x"])
def test_paths_that_lead_out_are_refused(world: World, path: str) -> None:
    with pytest.raises(SourceError):
        check_path(path)


def test_what_is_no_repo_says_so(world: World, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/file").write_text("x")
    world.here = Tree(tmp_path / "plain")
    with pytest.raises(SourceError) as caught:
        world.up()
    assert "not a Git repo" in caught.value.message
