from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.compute.ensure import ensure
from ez.errors import EzError, UsageError
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.state import State

BOX = Computer("gpu-box", "byo", SshEndpoint("box.example"))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state.db") as opened:
        opened.save_computer(BOX)
        yield opened


@pytest.mark.parametrize("name", ["local", "."])
def test_this_computer(state: State, name: str) -> None:
    assert ensure(name, state) == Computer("local", "local", LocalEndpoint())


def test_own_machine(state: State) -> None:
    assert ensure("gpu-box", state) == BOX


def test_unknown_name(state: State) -> None:
    with pytest.raises(EzError, match=r"no such computer: `gpubox` \(is it `gpu-box`\?\)") as raised:
        ensure("gpubox", state)
    assert raised.value.hint == "ez compute add gpubox USER@HOST"


@pytest.mark.parametrize("name", ["", "-h", "a;b", "x" * 300])
def test_what_is_no_name(state: State, name: str) -> None:
    with pytest.raises(UsageError):
        ensure(name, state)
