"""The straight line, as far as it goes without a computer: what fails early, and what is then untouched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.config import resolve
from ez.env.go import go
from ez.env.request import GoContext, GoRequest
from ez.errors import DefinitionError, EzError, HostUnreachableError
from ez.events import Event, StepFailed, StepStarted
from ez.models import Computer, Network, RepoRef, SshEndpoint
from ez.ssh.config import SshConfig
from ez.ssh.host import Host
from ez.state import State


class Line:
    """A context whose computers cannot be reached; it notes who was asked."""

    def __init__(self, home: Path, state: State) -> None:
        self.asked: list[str] = []
        self.events: list[Event] = []
        ssh = home / ".ssh"
        self.context = GoContext(
            settings=resolve(environment={"HOME": str(home)}),
            network=Network(),
            state=state,
            sink=self.events.append,
            ssh=lambda: SshConfig(ssh / "config", ssh / "ez", environment={}),
            config_file=None,
            connect=self._connect,
            confirm=lambda question: None,
        )

    def _connect(self, computer: Computer) -> Host:
        self.asked.append(computer.name)
        raise HostUnreachableError("nobody answers")


@pytest.fixture
def line(home: Path) -> Iterator[Line]:
    with State(home / "state.db") as state:
        state.save_computer(Computer("box", "byo", SshEndpoint("192.0.2.1")))
        yield Line(home, state)


def directory(path: Path, text: str) -> RepoRef:
    path.mkdir()
    (path / "build.envd").write_text(text)
    return RepoRef(url=None, path=str(path), name="thing")


def test_a_broken_build_file_fails_before_anybody_is_asked(line: Line, home: Path) -> None:
    repo = directory(home / "thing", "def build():\n    base(nonsense=1)\n")
    with pytest.raises(DefinitionError) as caught:
        go(GoRequest(repo, "box"), line.context)
    assert (caught.value.file, caught.value.line) == ("build.envd", 2)
    assert line.asked == []
    assert line.events == []


def test_an_unknown_computer_fails_before_anybody_is_asked(line: Line) -> None:
    with pytest.raises(EzError, match="elsewhere"):
        go(GoRequest(RepoRef("git@host:thing", None, "thing"), "elsewhere"), line.context)
    assert line.asked == []


def test_a_step_that_fails_is_told_and_leaves_nothing_behind(line: Line, home: Path) -> None:
    for _ in range(2):
        with pytest.raises(HostUnreachableError):
            go(GoRequest(RepoRef("git@host:thing", None, "thing"), "box"), line.context)
    assert line.asked == ["box", "box"]
    assert [(type(event), event.step) for event in line.events if isinstance(event, StepStarted | StepFailed)] == [
        (StepStarted, "connect"),
        (StepFailed, "connect"),
    ] * 2
    assert line.context.state.environments() == ()
    assert not (home / ".ssh").exists()
