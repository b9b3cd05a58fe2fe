"""Digests that are remembered: nothing that changed is ever taken for what it was."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ez.build.contents import LEAST, Contents

OLD = time.time_ns() - 10**10


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can set a change time back, so the clock is what is ahead."""
    monkeypatch.setattr(time, "time_ns", lambda: OLD + 10**13)


def digest(folder: Path, file: Path) -> tuple[str, int]:
    """What is said of `file`, and how many bytes were read for it."""
    known = Contents(folder / "repo", folder / "known")
    with file.open("rb") as content:
        found = known.digest("file", content)
        position = content.tell()
    known.keep()
    return found, position


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"a" * LEAST)
    return tmp_path / "file"


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_did_not_change_is_read_once(tmp_path: Path, file: Path) -> None:
    assert digest(tmp_path, file) == (sha256(file), LEAST)
    assert digest(tmp_path, file) == (sha256(file), 0)


def rewrite(file: Path) -> None:
    status = file.stat()
    file.write_bytes(b"b" * LEAST)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def another(file: Path) -> None:
    beside = file.with_name("beside")
    beside.write_bytes(b"b" * LEAST)
    beside.replace(file)


@pytest.mark.parametrize("change", [rewrite, another])
def test_what_changed_is_read_again(tmp_path: Path, file: Path, change: Callable[[Path], None]) -> None:
    """Though size and time of modification are the same."""
    digest(tmp_path, file)
    change(file)
    assert digest(tmp_path, file) == (sha256(file), LEAST)


def test_what_has_just_changed_is_not_remembered(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: file.stat().st_ctime_ns + 10**9)
    assert [digest(tmp_path, file)[1] for _ in range(2)] == [LEAST, LEAST]


@pytest.mark.parametrize("text", ["", "[]", '{"file": 1}', '{"file": [1, 2]}', '{"file": ["x", 1, 1, 1, 1, "y"]}'])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, file: Path, text: str) -> None:
    digest(tmp_path, file)
    (kept,) = (tmp_path / "known").iterdir()
    kept.write_text(text)
    assert digest(tmp_path, file) == (sha256(file), LEAST)
    assert digest(tmp_path, file) == (sha256(file), 0)


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, file: Path) -> None:
    (tmp_path / "known").write_text("a file")
    assert digest(tmp_path, file) == (sha256(file), LEAST)
