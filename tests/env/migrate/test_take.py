"""What both sides changed, decided for one of them; what the other had is in a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ez.env.migrate.journey import Journey, Migrated, Take, travel
from ez.errors import UsageError
from tests.env.migrate.places import World, described
from tests.env.source.places import Tree


def one_file(tree: Tree, word: str) -> None:
    tree.write("readme", f"{word}\n")
    tree.write(f"only-{word}", f"{word}\n")


def staged(tree: Tree, word: str) -> None:
    tree.write("readme", f"{word}\n")
    tree.git("add", "-A")
    tree.write("readme", f"{word} and on\n")


def commits(tree: Tree, word: str) -> None:
    tree.write("readme", f"{word}\n")
    tree.write(f"only-{word}", f"{word}\n")
    tree.commit(word)
    tree.write("src/main.py", f"{word}\n")


def stashes(tree: Tree, word: str) -> None:
    tree.write("readme", f"{word}\n")
    tree.git("stash", "push", "-q", "-m", word)


def another_branch(tree: Tree, word: str) -> None:
    tree.git("checkout", "-q", "-b", word)
    tree.write("readme", f"{word}\n")
    tree.commit(word)
    tree.git("checkout", "-q", "--detach")


def unfinished_merge(tree: Tree, word: str) -> None:
    tree.git("checkout", "-q", "-b", "other", "HEAD~1")
    tree.write("readme", f"other {word}\n")
    tree.commit("other")
    tree.git("checkout", "-q", "main")
    tree.git("merge", "other", check=False)


def taking(world: World, computer: str, *, home: bool = True) -> Migrated:
    journey = Journey("env", world.computer(), world.person(), world.order(), Take(computer, world.root / "saved"))
    return travel(journey if home else journey.back)


@pytest.mark.parametrize("change", [one_file, staged, commits, stashes, another_branch, unfinished_merge])
@pytest.mark.parametrize("winner", ["box", "local"])
def test_one_side_counts_and_the_other_is_saved(world: World, change: Callable[[Tree, str], None], winner: str) -> None:
    world.up()
    change(world.here, "here")
    change(world.there, "there")
    wins, loses = (world.there, world.here) if winner == "box" else (world.here, world.there)
    wanted, lost = described(wins), (loses.path / "readme").read_text()
    assert world.home().conflicts

    first = taking(world, winner)
    assert first.conflicts == ()
    assert len(first.saved) == 1
    second = Tree(world.root / "clone")
    world.box.run(["git", "clone", "-q", str(world.here.path), str(second.path)])
    second.git("fetch", "-q", first.saved[0], "refs/*:refs/saved/*")
    assert second.git("show", "refs/saved/ez/files:readme") == lost
    assert ("stash-1" in second.git("for-each-ref", "refs/saved")) == (change is stashes)
    assert world.up().conflicts == ()
    assert world.home().conflicts == ()
    assert described(world.here) == described(world.there)
    now = described(wins)
    assert {key: now[key] for key in ("head", "stash")} == {key: wanted[key] for key in ("head", "stash")}
    if change is not stashes:
        assert (wins.path / "readme").read_text() != lost
    assert not world.home().changed
    assert not world.up().changed


def test_a_directory_that_has_nothing_in_common(world: World) -> None:
    world.up()
    other = Tree.init(world.root / "other")
    other.write("readme", "another repo\n")
    other.write("gone", "x\n")
    other.commit()
    there = described(world.there)
    world.here = other
    assert "main" in world.home().conflicts
    assert (other.path / "gone").exists()
    saved = taking(world, "box").saved
    assert described(other) == there
    other.git("fetch", "-q", saved[0], "refs/*:refs/saved/*")
    assert other.git("show", "refs/saved/ez/files:gone") == "x\n"


def test_where_nothing_conflicts_nothing_is_saved(world: World) -> None:
    world.up()
    world.there.write("readme", "there\n")
    result = taking(world, "local")
    assert (result.paths, result.saved) == (("readme",), ())


def test_who_counts_is_one_of_the_two(world: World) -> None:
    with pytest.raises(UsageError, match="one of `box` and `local`, not `gpu`"):
        taking(world, "gpu")


def test_a_dry_run_decides_nothing(world: World, tmp_path: Path) -> None:
    world.up()
    one_file(world.here, "here")
    one_file(world.there, "there")
    order = world.order(dry_run=True)
    result = travel(Journey("env", world.computer(), world.person(), order, Take("box", tmp_path / "saved")))
    assert result.conflicts == ("readme",)
    assert not (tmp_path / "saved").exists()


def test_a_merge_that_is_not_finished_there_outlives_the_way_up(world: World) -> None:
    world.up()
    unfinished_merge(world.there, "there")
    wanted = described(world.there)
    world.here.write("more", "x\n")
    assert world.up().paths == ("more",)
    (world.there.path / "more").unlink()
    assert described(world.there) == wanted
    assert replace(world.home(), bytes=0).conflicts == ()
