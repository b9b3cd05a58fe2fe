"""Work that would go with a machine is found and saved as bundles that have all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ez.env.migrate.move import Order, move
from ez.env.migrate.restore import restore
from ez.env.migrate.saved import named
from ez.env.migrate.saving import MOST_BYTES, Origin, Saved, save_work
from ez.env.migrate.side import Side
from ez.errors import EzError, SourceError
from tests.env.migrate import states
from tests.env.migrate.places import World, described
from tests.env.source.places import Box, Tree


def save(world: World) -> tuple[Saved, ...]:
    return save_work(world.box, "env", world.root / "saved", world.events.append, Origin(keys=(world.key,)))


def test_what_is_at_home_is_not_saved_and_the_rest_is(world: World, tmp_path: Path) -> None:
    assert save(world) == ()
    world.here.write("loose", "x\n")
    world.up()
    assert save(world) == ()
    there = world.there
    there.write("readme", "stashed\n")
    there.git("stash")
    there.write("readme", "staged\n")
    there.git("add", "readme")
    there.write("readme", "changed\n")
    there.git("checkout", "-q", "-b", "topic")
    there.git("commit", "-q", "--allow-empty", "-m", "not pushed")
    (saved,) = save(world)
    assert saved.changes == 2
    assert saved.commits > 0
    second = Tree(tmp_path / "second")
    Tree(tmp_path).git("clone", "-q", str(world.here.path), str(second.path))
    second.git("fetch", "-q", saved.path, "refs/*:refs/saved/*")
    assert second.git("show", "refs/saved/ez/files:readme") == "changed\n"
    assert second.git("show", "refs/saved/ez/files:loose") == "x\n"
    assert second.git("show", "refs/saved/ez/staged:readme") == "staged\n"
    assert second.git("show", "refs/saved/ez/stash-1:readme") == "stashed\n"
    assert second.git("rev-parse", "refs/saved/heads/topic") == there.git("rev-parse", "HEAD")
    assert (Path(saved.path).stat().st_mode & 0o777) == 0o600
    world.home()
    assert save(world) == ()


def test_only_what_no_remote_has_is_bundled(world: World) -> None:
    world.up()
    there = world.there
    there.write("large", "line\n" * 100_000)
    there.commit()
    there.git("remote", "add", "origin", str(world.here.path))
    there.git("push", "-q", "origin", "HEAD:refs/heads/pushed")
    there.git("fetch", "-q", "origin")
    assert save(world) == ()
    there.write("readme", "changed\n")
    (saved,) = save(world)
    assert Path(saved.path).stat().st_size < 2_000


def test_submodules_have_bundles_of_their_own(world: World) -> None:
    world.up()
    states.submodules_with_work(world.there)
    found = {saved.module: saved for saved in save(world)}
    assert set(found) == {"", "libs/part", "libs/part/below/inner"}
    assert found["libs/part"].commits == 1
    (world.there.path / "libs" / "part" / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(SourceError, match="`libs/part` in `env` is elsewhere"):
        save(world)


def large_file(there: Tree) -> None:
    """Without objects of LFS that nothing leads to."""
    states.large_files(there)
    for file in there.path.glob(".git/lfs/objects/*/*/*"):
        if file.stat().st_size != 300_000:
            file.unlink()


MOST_TELLING = (
    states.unfinished_rebase,
    states.marked,
    states.notes_and_old_tags,
    states.submodules_with_work,
    large_file,
    states.a_mixture,
    states.sha256,
)
"""All states of `STATES` are restored so; these have something that the others have not."""


@pytest.mark.parametrize("state", MOST_TELLING, ids=lambda state: state.__name__)
def test_what_is_saved_is_restored_byte_for_byte(world: World, state: Callable[[Tree], None]) -> None:
    world.up()
    state(world.there)
    wanted, trap = described(world.there), world.root / "trap"
    trap.unlink(missing_ok=True)
    save(world)
    folder, target = world.root / "saved", world.root / "again"
    left = restore(folder, named(folder, "env"), target, [world.here.path], world.events.append)
    assert left == ()
    assert not trap.exists()
    assert described(Tree(target)) == wanted


def test_what_is_saved_twice_is_kept_once_and_a_repo_inside_is_not_lost(world: World) -> None:
    world.up()
    inner = Tree.init(world.there.path / "vendor" / "part-a")
    inner.write("only.txt", "here\n")
    inner.commit()
    (first,) = save(world)
    assert (first.module, first.commits, first.before) == ("vendor/part-a", 1, False)
    (again,) = save(world)
    assert (again.path, again.before) == (first.path, True)
    (world.there.path / "vendor" / "part.a").mkdir()
    Tree.init(world.there.path / "vendor" / "part.a").write("other.txt", "too\n")
    assert len({saved.path for saved in save(world)}) == 2
    target = world.root / "again"
    restore(world.root / "saved", named(world.root / "saved", "env"), target, [], world.events.append)
    # One of Git's own work trees is seen from the container; here it is files that nobody knows.
    world.there.git("worktree", "add", "-q", "linked")
    (world.there.path / "linked" / ".git").write_text("gitdir: /home/envd/env/.git/worktrees/linked\n")
    assert save(world)[0].changes == len(world.here.files())
    assert (target / "vendor/part-a/only.txt").read_text() == "here\n"
    assert (target / "vendor/part.a/other.txt").read_text() == "too\n"


def test_commits_that_another_computer_has_are_no_home(world: World) -> None:
    """What went from computer to computer would else be nowhere when both go."""
    world.up()
    world.there.write("readme", "changed\n")
    second = Side(Box(world.root / "second-box"), "env")
    move(world.computer(), second, Order("f" * 16))
    (saved,) = save(world)
    assert saved.changes == 1
    only_tagged = world.there.commit()
    world.there.git("tag", "kept")
    world.there.git("reset", "-q", "--hard", "HEAD~1")
    (saved,) = save(world)
    assert (saved.changes, saved.commits) == (0, 1)
    target = world.root / "again"
    restore(world.root / "saved", named(world.root / "saved", saved.name), target, [world.here.path], lambda _: None)
    assert Tree(target).git("rev-parse", "kept").strip() == only_tagged


def test_too_much_is_refused_before_it_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.up()
    with (world.there.path / "huge.bin").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    before = sum(file.stat().st_size for file in (world.box.home / "ez" / ".ez").rglob("*") if file.is_file())
    with pytest.raises(SourceError, match=r"2.1 GB of files that Git has not, at most 2 GB; the largest: `huge.bin`"):
        save(world)
    after = sum(file.stat().st_size for file in (world.box.home / "ez" / ".ez").rglob("*") if file.is_file())
    assert after - before < 100_000
    (world.there.path / "huge.bin").unlink()
    world.there.write("small.txt")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(EzError, match="no room to save"):
        save(world)
    assert list((world.root / "saved").iterdir()) == []


def test_a_repo_that_is_damaged_says_so(world: World) -> None:
    world.up()
    world.there.write("readme", "changed\n")
    world.there.commit()
    head = world.there.git("rev-parse", "HEAD").strip()
    (world.there.path / ".git" / "objects" / head[:2] / head[2:]).unlink()
    with pytest.raises(SourceError):
        save(world)
    assert not (world.root / "saved").exists()
