"""Every state of a repo there and back: equal byte for byte, and the source as it was."""

from collections.abc import Callable

import pytest

from tests.env.migrate.places import World, described
from tests.env.migrate.states import STATES
from tests.env.source.places import Tree


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_there_and_back(world: World, state: Callable[[Tree], None]) -> None:
    state(world.here)
    wanted, trap = described(world.here), world.root / "trap"
    trap.unlink(missing_ok=True)  # Whoever asks Git itself runs what the repo names.
    before = world.here.fingerprint()

    first = world.up()
    assert not trap.exists()
    assert world.here.fingerprint() == before
    assert first.conflicts == ()
    assert described(world.there) == wanted

    scripts, sent = world.box.scripts, world.box.sent
    again = world.up()
    assert (again.changed, again.paths, again.names, again.conflicts) == (False, (), (), ())
    assert described(world.there) == wanted
    assert world.box.sent - sent < 5_000 * (world.box.scripts - scripts)

    second = world.root / "second" / "here"
    assert world.home(path=second).conflicts == ()
    assert not trap.exists()
    assert described(Tree(second)) == wanted
    assert world.here.fingerprint() == before
