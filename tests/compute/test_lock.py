"""One ez at a time per environment, also when one is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ez.compute.lock import named_lock
from ez.errors import EXIT_UNFINISHED, BusyError
from ez.events import Event, Notice, null_sink

HOLDER = """
import sys, pathlib
from ez.compute.lock import named_lock
from ez.events import null_sink
with named_lock(pathlib.Path(sys.argv[1]), "thing", null_sink):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_one_says_who_is_at_work_and_gives_up(tmp_path: Path) -> None:
    events: list[Event] = []
    with (
        holder(tmp_path) as other,
        pytest.raises(BusyError) as caught,
        named_lock(tmp_path, "thing", events.append, wait=0.2),
    ):
        pass
    assert caught.value.exit_code == EXIT_UNFINISHED
    assert f"process {other.pid}" in caught.value.message
    (notice,) = events
    assert isinstance(notice, Notice)
    assert f"another ez (process {other.pid}) works on `thing`" in notice.text


def test_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        with named_lock(tmp_path, "other", null_sink, wait=0):
            pass
        other.kill()
        other.wait()
        with named_lock(tmp_path, "thing", null_sink, wait=0):
            pass
    assert (tmp_path / "thing.lock").stat().st_mode & 0o077 == 0
