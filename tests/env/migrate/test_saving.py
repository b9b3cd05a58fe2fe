"""Work that would go with a machine is found and saved as bundles that have all of it."""

from __future__ import annotations

from pathlib import Path

from ez.env.migrate.saving import Saved, save_work
from tests.env.migrate.places import World
from tests.env.migrate.states import submodules_with_work
from tests.env.source.places import Tree


def save(world: World) -> tuple[Saved, ...]:
    return save_work(world.box, "env", world.root / "saved", world.events.append)


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
    submodules_with_work(world.there)
    found = {saved.module: saved for saved in save(world)}
    assert set(found) == {"", "libs/part", "libs/part/below/inner"}
    assert found["libs/part"].commits == 1
