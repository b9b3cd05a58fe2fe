"""Files that others read while we write them: replaced in one step, one writer at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ez.errors import BusyError, ConfigError

WAIT_SECONDS = 60.0
"""How long somebody else may hold a lock; what is done under one takes a moment."""


def write_atomic(path: Path, data: bytes, mode: int) -> None:
    """Replace `path` by `data` in one step; nothing is written where it holds just that. Keeps the owner it had."""
    try:
        if path.read_bytes() == data:
            return
        owner = path.stat()
    except FileNotFoundError:
        owner = None
    handle, name = tempfile.mkstemp(prefix=".ez-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, mode)
            if owner is not None and os.geteuid() == 0:
                os.fchown(handle, owner.st_uid, owner.st_gid)
            os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def private_directory(path: Path) -> None:
    """Make `path` (0700), or make sure that it is a directory of ours that nobody else can write to."""
    for directory in (*reversed(path.parents), path):
        directory.mkdir(mode=0o700, exist_ok=True)
    if {path.lstat().st_uid, path.stat().st_uid} != {os.geteuid()}:
        raise ConfigError(f"directory belongs to somebody else: `{path}`", f"ls -ld {path}")
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the advisory lock on the file `path`, which is made; waits for whoever holds it. Raises BusyError."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _acquire(handle, path, deadline)
            if not _is_still(path, handle):
                continue
            yield
            return
        finally:
            os.close(handle)


def _acquire(handle: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise BusyError(f"another ez holds the lock: `{path}`", "end it, then run the same command") from None
            time.sleep(0.02)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the file that we waited for was not removed meanwhile."""
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
