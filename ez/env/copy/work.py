"""What both directions of a copy share: a crew that does many small jobs at once, what it counts, names of parts."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ez.env.copy.sftp import SftpError
from ez.env.copy.way import Digest
from ez.events import Progress, Sink

CREW = 32
RESUMED = 1024 * 1024
"""Bytes: a part of fewer is begun anew, which is faster than to look at it."""

_PART = re.compile(rb"\.ez-part-[0-9a-f]{16}-[0-9a-f]{8}")
_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_MOST_TOLD = 1000
_EVERY = 0.5

Job = Callable[[], Awaitable[None]]


@dataclass
class Tally:
    """What was done so far; `faults` and `left_out` are paths with reasons."""

    sink: Sink
    files: int = 0
    unchanged: int = 0
    travelled: int = 0
    resumed: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    _shown: float = 0.0

    def add(self, count: int) -> None:
        """So many bytes are over; tells the sink now and then."""
        self.travelled += count
        if time.monotonic() - self._shown > _EVERY:
            self._shown = time.monotonic()
            self.sink(Progress("copy", self.travelled, self.files))

    def fault(self, path: bytes, reason: str) -> None:
        self._note(self.faults, path, reason)

    def leave_out(self, path: bytes, reason: str) -> None:
        self._note(self.left_out, path, reason)

    def _note(self, told: list[tuple[str, str]], path: bytes, reason: str) -> None:
        if len(told) < _MOST_TOLD:
            told.append((path.decode("utf-8", "replace"), reason))


@dataclass(frozen=True)
class Checks:
    """When a file that is there already is the same. `digest` tells what the first bytes of a file in the environment
    are; with `all` no time is trusted."""

    digest: Digest
    all: bool

    async def are_equal(self, theirs: bytes, ours: int, size: int) -> bool:
        """Whether a file there begins with the same bytes as the open file `ours` here."""
        first, second = await asyncio.gather(self.digest(theirs, size), asyncio.to_thread(digest_of, ours, size))
        return first == second


class Crew:
    """Does jobs, which may add others; the newest first, so that few wait."""

    def __init__(self, tally: Tally) -> None:
        self._jobs: asyncio.LifoQueue[tuple[bytes, Job]] = asyncio.LifoQueue()
        self._tally = tally

    def add(self, path: bytes, job: Job) -> None:
        """`path` is what the job is about; a job that is refused is a fault, and the others go on."""
        self._jobs.put_nowait((path, job))

    async def work(self) -> None:
        """Until no job is left. Raises what no other job would survive either."""
        done = asyncio.create_task(self._jobs.join())
        workers = [asyncio.create_task(self._worker()) for _ in range(CREW)]
        try:
            ended, _ = await asyncio.wait([done, *workers], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in (done, *workers):
                task.cancel()
            await asyncio.gather(done, *workers, return_exceptions=True)

    async def _worker(self) -> None:
        while True:
            path, job = await self._jobs.get()
            try:
                await job()
            except SftpError as error:
                self._tally.fault(path, str(error))
            except OSError as error:
                if error.errno in _HOPELESS:
                    raise
                self._tally.fault(path, error.strerror or str(error))
            self._jobs.task_done()


def part_name(name: bytes, size: int, modified: int) -> bytes:
    """What a file is called until all of it is there; another one where it has changed since."""
    return b".ez-part-%s-%s" % (_short(name, 16), _short(b"%d %d" % (size, modified), 8))


def is_part(name: bytes) -> bool:
    return _PART.fullmatch(name) is not None


def is_old_part(found: bytes, name: bytes, part: bytes) -> bool:
    """Whether `found` is a part of an earlier state of `name`."""
    return is_part(found) and found != part and found.startswith(b".ez-part-%s-" % _short(name, 16))


def _short(text: bytes, digits: int) -> bytes:
    return hashlib.sha256(text).hexdigest()[:digits].encode()


def digest_of(descriptor: int, size: int) -> str:
    """SHA-256 of a file's first `size` bytes, in hexadecimal."""
    found, at = hashlib.sha256(), 0
    while at < size:
        data = os.pread(descriptor, min(1024 * 1024, size - at), at)
        if not data:
            break
        found.update(data)
        at += len(data)
    return found.hexdigest()


async def settle(tasks: list[asyncio.Task[None]]) -> None:
    """Wait for all of them; raises what the first one raised, after the others were ended."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
