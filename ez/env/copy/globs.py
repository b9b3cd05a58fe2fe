"""Patterns in paths of an environment, which no shell there expands: `*`, `?` and `[...]`, as a shell has them."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

from ez.env.copy.sftp import Sftp
from ez.errors import CopyError

_MOST = 10_000


async def expand(sftp: Sftp, path: bytes) -> list[bytes]:
    """What is there by that pattern, in order; `path` itself where something is called so, or nothing matches."""
    if not _is_pattern(path) or await sftp.lstat(path) is not None:
        return [path]
    found = [b"/" if path.startswith(b"/") else b""]
    for name in path.split(b"/"):
        if name and _is_pattern(name):
            found = [os.path.join(folder, match) for folder in found for match in await _matches(sftp, folder, name)]
        elif name:
            found = [os.path.join(folder, name) for folder in found]
        if len(found) > _MOST:
            raise CopyError(f"more than {_MOST} files match", "copy their directory")
    return [match for match in found if await sftp.lstat(match) is not None] or [path]


async def _matches(sftp: Sftp, folder: bytes, pattern: bytes) -> list[bytes]:
    there = await sftp.stat(folder or b".")
    if there is None or not there.is_directory:
        return []
    # What begins with a point is meant by those patterns alone that do.
    names = [name for name in await sftp.list(folder or b".") if pattern.startswith(b".") or not name.startswith(b".")]
    return sorted(name for name in names if fnmatchcase(name, pattern))


def _is_pattern(text: bytes) -> bool:
    return any(mark in text for mark in (b"*", b"?", b"["))
