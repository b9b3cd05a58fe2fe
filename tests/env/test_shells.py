"""Ways to a shell: which of them there are, and what happens when a connection is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ez.env.shells import Door, check_session, has_tmux, keep, wait_for
from ez.errors import ContainerError, EzError, HostError, HostUnreachableError, UsageError


def door(script: str, *arguments: str) -> Door:
    """A way whose `ssh` is a shell script; `$0` is its last word."""
    return Door("e.box.ez", ("sh", "-c", script, *arguments), dict(os.environ), lambda: None)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a.b", "=x", "x" * 41, "$(x)", "é"])
def test_names_of_sessions(name: str) -> None:
    with pytest.raises(UsageError):
        check_session(name)


def test_an_environment_that_cannot_be_entered_is_told_at_once() -> None:
    with pytest.raises(HostUnreachableError, match="far away"):
        has_tmux(door("echo far away >&2; exit 255"))
    assert has_tmux(door("exit 0"))
    assert not has_tmux(door("exit 1"))


def test_a_session_is_entered_again_until_it_ends() -> None:
    """The command line that began it is not given twice."""
    codes = [255, 255, 7]
    calls: list[str] = []
    told: list[str] = []

    def call(command: list[str]) -> int:
        calls.append(command[-1])
        return codes.pop(0)

    assert keep(door("exit 0"), "ez", "/w", "make", tell=told.append, call=call) == 7
    assert [line.endswith("make") for line in calls] == [True, False, False]
    assert len(told) == 2
    with pytest.raises(ContainerError, match="no tmux"):
        keep(door("exit 0"), "ez", "/w", "", tell=told.append, call=lambda command: 127)


def test_tries_become_rarer(tmp_path: Path) -> None:
    slept: list[float] = []
    script = f"echo x >>{tmp_path}/tries; [ $(wc -l <{tmp_path}/tries) -gt 8 ]"
    wait_for(door(script), slept.append)
    assert slept == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_a_program_that_is_not_there_is_told() -> None:
    missing = Door("e.box.ez", ("no-such-ssh",), dict(os.environ), lambda: None)
    with pytest.raises(EzError, match="not on PATH"):
        missing.run(["true"], 5)
    with pytest.raises(HostError, match="does not answer"):
        door("sleep 9").run(["true"], 0.1)
