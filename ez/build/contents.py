"""Digests of large files, remembered for as long as `stat` tells the same: a build reads gigabytes only once.

As Git's index does, this trusts size, times and inode; the change time too, which no program can set back. A file that
changed just before it was read could change again unseen, so it is not remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from io import BufferedReader
from pathlib import Path

from ez.build.keeping import keep

LEAST = 64 << 10
"""Bytes from which a file is remembered; less is read as fast as it is looked up."""

_SETTLED = 2 * 10**9
"""Nanoseconds; file systems have times of two seconds at worst (FAT)."""

_MOST = 100_000

_Known = tuple[int, int, int, int, int, str]


class Contents:
    """Of the files below `root`; kept in a file of its own in the directory `folder`, if there is one.

    That file may be removed at any time, and one that cannot be read or written is none.
    """

    def __init__(self, root: Path, folder: Path | None = None) -> None:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        self._file = folder / f"{name}.json" if folder else None
        self._known = _read(self._file) if self._file else {}
        self._new: dict[str, _Known] = {}

    def digest(self, path: str, content: BufferedReader) -> str:
        """SHA-256 of the file `path`, open at its beginning, in hexadecimal digits. Raises OSError."""
        before = _identity(content)
        if self._file is None or before[0] < LEAST:
            return hashlib.file_digest(content, "sha256").hexdigest()
        known = self._known.get(path)
        if known is not None and known[:-1] == before:
            return known[-1]
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        if _identity(content) == before and time.time_ns() - max(before[1], before[2]) > _SETTLED:
            self._new[path] = (*before, digest)
        return digest

    def keep(self) -> None:
        """Remember what was found out."""
        if self._file is None or not self._new:
            return
        self._known = {**self._known, **self._new} if len(self._known) < _MOST else self._new
        keep(self._file, json.dumps(self._known))


def _identity(content: BufferedReader) -> tuple[int, int, int, int, int]:
    status = os.fstat(content.fileno())
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def _read(file: Path) -> dict[str, _Known]:
    try:
        written = json.loads(file.read_bytes())
        return {path: (*map(int, known[:5]), str(known[5])) for path, known in written.items()}  # type: ignore[misc]
    except (OSError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return {}
