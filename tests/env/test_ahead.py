"""What a repo wants of a machine that is yet to be made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ez.build.includes import Included
from ez.compute.need import GpuNeed
from ez.env.ahead import Ahead, look_ahead
from ez.env.request import GoContext, GoRequest
from ez.errors import DefinitionError, SourceError
from ez.models import RepoRef
from ez.state import State
from tests.env.test_go import Line

URL = "https://git.example/thing.git"
CARDS = b'# syntax=v1\ndef build():\n    base(image="nvidia/cuda:12.4.1-base-ubuntu22.04")\n    config.gpu(count=1)\n'


@pytest.fixture
def context(home: Path) -> Iterator[GoContext]:
    with State(home / "state.db") as state:
        yield Line(home, state).context


def ahead(context: GoContext, monkeypatch: pytest.MonkeyPatch, *files: tuple[str, bytes]) -> Ahead:
    answer = Included(URL, "", "0" * 40, files)
    monkeypatch.setattr("ez.env.ahead.fetcher", lambda context: lambda url, ref, commit: answer)
    return look_ahead(GoRequest(RepoRef(URL, None, "thing"), "gpu1"), context)


def test_cards_and_their_cuda(context: GoContext, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ahead(context, monkeypatch, ("build.envd", CARDS))
    assert found == Ahead(1, GpuNeed(cuda=(12, 4), reason="nvidia/cuda:12.4.1-base-ubuntu22.04"))


def test_a_mistake_costs_nothing(context: GoContext, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DefinitionError, match="nonsense"):
        ahead(context, monkeypatch, ("build.envd", b"# syntax=v1\ndef build():\n    nonsense()\n"))
    with pytest.raises(DefinitionError):
        ahead(context, monkeypatch, ("other.envd", CARDS))


def test_what_cannot_be_known_here_is_left_to_the_machine(context: GoContext, monkeypatch: pytest.MonkeyPatch) -> None:
    more = (
        b'# syntax=v1\ndef build():\n    base(image="debian:12")\n    install.python_packages(requirements="r.txt")\n'
    )
    assert ahead(context, monkeypatch, ("build.envd", more)) == Ahead()
    assert ahead(context, monkeypatch, ("../build.envd", CARDS), ("build.envd", CARDS)) == Ahead()

    def refuse(url: str, ref: str, commit: str) -> Included:
        raise SourceError("nobody answers")

    monkeypatch.setattr("ez.env.ahead.fetcher", lambda context: refuse)
    request = GoRequest(RepoRef(URL, None, "thing"), "gpu1")
    assert look_ahead(request, replace(context)) == Ahead()


def test_a_directory_of_this_computer(context: GoContext, home: Path) -> None:
    (home / "thing").mkdir()
    (home / "thing" / "build.envd").write_bytes(CARDS)
    request = GoRequest(RepoRef(None, str(home / "thing"), "thing"), "gpu1")
    assert look_ahead(request, context).gpus == 1
