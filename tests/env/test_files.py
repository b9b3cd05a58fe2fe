"""Files that are written whole or not at all."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ez.env.files import write_whole
from ez.errors import EzError


@contextmanager
def longest(size: int) -> Iterator[None]:
    """No file can have more bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_there_stays_until_the_rest_is(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("old")
    path.chmod(0o640)
    with longest(10), pytest.raises(EzError, match=r"cannot be written: `.*/file`: File too large"):
        write_whole(path, b"new" * 10)
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])
    other.symlink_to(path)
    write_whole(other, b"new")
    assert (path.read_text(), other.read_text(), other.is_symlink()) == ("old", "new", False)
    write_whole(path, b"new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


@pytest.mark.parametrize(("name", "reason"), [(".", "Is a directory"), ("none/file", "No such file"), ("f/x", "Not a")])
def test_places_where_no_file_can_be(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(EzError, match=reason) as caught:
        write_whole(tmp_path / name, b"")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]


def test_a_device_is_written_to() -> None:
    write_whole(Path("/dev/null"), b"new")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(EzError, match="No space left on device"):
        write_whole(Path("/dev/full"), b"new")
