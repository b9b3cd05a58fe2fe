"""What an unfinished operation would run at home when it goes on comes home only when the person agreed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ez.env.migrate.move import Moved, move
from ez.errors import SourceError
from tests.env.migrate.places import World, described
from tests.env.migrate.states import unfinished_pick, unfinished_rebase


def home(world: World, *, programs: bool = False) -> Moved:
    return move(world.computer(), world.person(), replace(world.order(), programs=programs))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rebase-merge/git-rebase-todo", "exec touch trap\n"),
        ("rebase-merge/git-rebase-todo", "pick 1234567 fine\n \tx touch trap\n"),
        ("rebase-merge/git-rebase-todo.backup", "exec\ttouch trap\n"),
        ("rebase-merge/strategy", "../trap\n"),
        ("sequencer/opts", "[options]\n\tstrategy = ../trap\n"),
        ("rebase-apply/apply-opt", " '--unsafe-paths'\n"),
        ("rebase-apply/apply-opt", " '--directory=../../x'\n"),
        ("BISECT_NAMES", "'fine'; touch trap\n"),
    ],
)
def test_programs_stay_away_until_agreed(world: World, name: str, content: str) -> None:
    world.up()
    before = described(world.here)
    world.there.write(f".git/{name}", content)
    with pytest.raises(SourceError) as caught:
        home(world)
    assert "would run programs on this computer" in caught.value.message
    assert content.split()[-1].strip("'").rpartition("/")[2] in caught.value.message
    assert "--allow-programs" in str(caught.value.hint)
    assert described(world.here) == before
    assert home(world, programs=True).conflicts == ()
    assert (world.here.path / ".git" / name).read_text() == content


@pytest.mark.parametrize("state", [unfinished_rebase, unfinished_pick])
def test_what_runs_nothing_comes(world: World, state: object) -> None:
    world.up()
    assert callable(state)
    state(world.there)
    world.there.write(".git/rebase-apply/apply-opt", " '-p1' '--whitespace=fix' '--3way'\n")
    world.there.write(".git/rebase-merge/strategy", "ort\n")
    world.there.write(".git/sequencer/opts", "[options]\n\tstrategy = ort\n\tsignoff = true\n")
    world.there.write(".git/BISECT_NAMES", "'a path' 'it'\\''s'\n")
    assert home(world).conflicts == ()
    assert described(world.here) == described(world.there)


def test_the_persons_own_programs_come_home_again(world: World) -> None:
    world.here.write(".git/rebase-merge/git-rebase-todo", "exec make test\nexec make more\n")
    world.up()
    world.there.write(".git/rebase-merge/git-rebase-todo", "exec make more\n")
    assert home(world).conflicts == ()
    assert (world.here.path / ".git/rebase-merge/git-rebase-todo").read_text() == "exec make more\n"
    world.there.write(".git/rebase-merge/git-rebase-todo", "exec make evil\n")
    with pytest.raises(SourceError, match="make evil"):
        home(world)
