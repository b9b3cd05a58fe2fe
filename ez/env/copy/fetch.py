"""From an environment to this computer. The other side is not trusted: see `Folder`."""

from __future__ import annotations

import asyncio
import os
import stat
from functools import partial

from ez.env import sftp_wire as wire
from ez.env.copy.folder import Folder, Names, leads_out
from ez.env.copy.sftp import CHUNK, Sftp, SftpError
from ez.env.copy.work import RESUMED, Checks, Crew, Tally, is_old_part, is_part, part_name, settle
from ez.env.sftp_wire import Attributes

_DEEPEST = 200
_SURE_AFTER = 2.0
"""Seconds that a copy is younger than its original, so that nobody can have changed that without its time telling; the
clocks of both computers are about the same."""


class Fetcher:
    """One tree or file, and no other after it. `mask` are permission bits that nothing gets."""

    def __init__(self, sftp: Sftp, checks: Checks, tally: Tally, folder: Folder, mask: int) -> None:
        self._sftp = sftp
        self._checks = checks
        self._tally = tally
        self._folder = folder
        self._mask = mask
        self._crew = Crew(tally)
        self._made: list[tuple[Names, Attributes]] = []

    async def fetch_file(self, source: bytes, name: bytes, known: Attributes) -> None:
        """One file, as `name` in the folder."""
        self._crew.add(source, partial(self._file, source, (name,), known, self._folder.entries(())))
        await self._crew.work()

    async def fetch_tree(self, source: bytes) -> None:
        """What is in the directory `source`, into the folder."""
        self._crew.add(source, partial(self._directory, source, ()))
        await self._crew.work()
        for names, known in reversed(self._made):
            self._folder.finish(names, self._bits(known) | 0o700, known.modified or 0)

    async def _directory(self, source: bytes, names: Names) -> None:
        listed = await self._sftp.list(source)
        existing = self._folder.entries(names)
        for name, known in listed.items():
            path = os.path.join(source, name)
            if not is_part(name):
                self._crew.add(path, partial(self._entry, path, (*names, name), known, existing))

    async def _entry(self, source: bytes, names: Names, known: Attributes, existing: set[bytes]) -> None:
        if known.is_file:
            await self._file(source, names, known, existing)
        elif known.is_link:
            await self._link(source, names)
        elif not known.is_directory:
            self._tally.leave_out(source, "neither a file, a directory nor a link")
        elif len(names) > _DEEPEST:
            self._tally.leave_out(source, f"more than {_DEEPEST} directories deep")
        else:
            if self._folder.make(names):
                self._made.append((names, known))
            await self._directory(source, names)

    async def _link(self, source: bytes, names: Names) -> None:
        target = await self._sftp.read_link(source)
        if leads_out(target, names):
            self._tally.leave_out(source, "a link that leads out of what is copied")
        elif self._folder.link(target, names):
            self._tally.files += 1
        else:
            self._tally.unchanged += 1

    async def _file(self, source: bytes, names: Names, known: Attributes, existing: set[bytes]) -> None:
        size, modified = known.size or 0, known.modified or 0
        there = self._folder.status(names) if names[-1] in existing else None
        if there is not None and stat.S_ISDIR(there.st_mode):
            return self._tally.fault(source, "a directory is here where the file belongs")
        if there is not None and await self._is_there(source, names, there, known):
            self._tally.unchanged += 1
            return
        part = part_name(names[-1], size, modified)
        for old in [found for found in existing if is_old_part(found, names[-1], part)]:
            self._folder.remove((*names[:-1], old))
        # What may not be read leaves no part.
        async with self._sftp.opened(source, wire.FLAG_READ) as handle:
            descriptor = self._folder.open((*names[:-1], part), os.O_RDWR | os.O_CREAT)
            try:
                await self._data(source, handle, descriptor, known, size)
                os.fchmod(descriptor, self._bits(known))
                os.utime(descriptor, (modified, modified))
            finally:
                os.close(descriptor)
        self._folder.rename((*names[:-1], part), names[-1])
        self._tally.files += 1

    async def _is_there(self, source: bytes, names: Names, there: os.stat_result, known: Attributes) -> bool:
        """Whether it need not travel; then what is here gets its mode and time."""
        size, modified = known.size or 0, known.modified or 0
        if not stat.S_ISREG(there.st_mode) or there.st_size != size:
            return False
        is_as_old = int(there.st_mtime) == modified
        # SFTP knows seconds alone: what was copied in the second of its change may have changed once more.
        is_unsure = there.st_ctime < modified + _SURE_AFTER
        if not (is_as_old or self._checks.all):
            return False
        is_fine = is_as_old and not is_unsure and there.st_mode & 0o777 == self._bits(known)
        if is_fine and not self._checks.all:
            return True
        descriptor = self._folder.open(names, os.O_RDONLY)
        try:
            if (is_unsure or self._checks.all) and not await self._checks.are_equal(source, descriptor, size):
                return False
            os.fchmod(descriptor, self._bits(known))
            os.utime(descriptor, (modified, modified))
        finally:
            os.close(descriptor)
        return True

    async def _data(self, source: bytes, handle: bytes, descriptor: int, known: Attributes, size: int) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "something else is where the part of the file belongs")
        start = await self._start(source, descriptor, size)
        os.ftruncate(descriptor, start)
        tasks: list[asyncio.Task[None]] = []
        try:
            for at in range(start, size, CHUNK):
                await self._sftp.room.acquire()
                tasks = [task for task in tasks if not task.done() or task.exception()]
                count = min(CHUNK, size - at)
                tasks.append(asyncio.create_task(self._chunk(handle, descriptor, at, count)))
        finally:
            await settle(tasks)
        after = await self._sftp.fstat(handle)
        if (after.size, after.modified) != (known.size, known.modified) or os.fstat(descriptor).st_size != size:
            raise SftpError(4, "it changed while it was copied; copy it again")

    async def _chunk(self, handle: bytes, descriptor: int, at: int, count: int) -> None:
        try:
            data = await self._sftp.read(handle, at, count)
            if len(data) != count:
                raise SftpError(4, "it changed while it was copied; copy it again")
            os.pwrite(descriptor, data, at)
            self._tally.add(count)
        finally:
            self._sftp.room.release()

    async def _start(self, source: bytes, descriptor: int, size: int) -> int:
        """Where to go on: behind what is here already and is the same."""
        done = os.fstat(descriptor).st_size
        if not RESUMED <= done <= size:
            return 0
        if not await self._checks.are_equal(source, descriptor, done):
            return 0
        self._tally.resumed += done
        return done

    def _bits(self, known: Attributes) -> int:
        return (known.mode or 0o600) & 0o777 & ~self._mask
