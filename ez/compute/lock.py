"""One `ez` at a time on this computer for each environment and each machine of a cloud."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ez.errors import BusyError
from ez.events import Notice, Sink

WAIT_SECONDS = 900.0


@contextmanager
def named_lock(directory: Path, name: str, sink: Sink, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock file `name` while the block lasts. It goes away with its process, however that ends.

    Tells `sink` who holds it while waiting; raises BusyError after `wait` seconds.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, name, sink, wait)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, name: str, sink: Sink, wait: float) -> None:
    deadline = time.monotonic() + wait
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace") or "unknown"
            if not told:
                sink(Notice(f"another ez (process {holder}) works on `{name}`; waiting for it to finish"))
                told = True
            if time.monotonic() > deadline:
                raise BusyError(
                    f"another ez (process {holder}) still works on `{name}` after {wait:.0f} s",
                    "run the same command again when it has finished",
                ) from None
            time.sleep(0.1)
