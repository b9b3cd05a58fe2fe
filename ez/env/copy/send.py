"""From this computer into an environment."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from ez.env import sftp_wire as wire
from ez.env.copy.sftp import CHUNK, Sftp, SftpError
from ez.env.copy.work import RESUMED, Checks, Crew, Tally, is_old_part, is_part, part_name, settle
from ez.env.sftp_wire import Attributes

_now = time.time
_pause = asyncio.sleep


class Sender:
    """One tree or file, and no other after it."""

    def __init__(self, sftp: Sftp, checks: Checks, tally: Tally) -> None:
        self._sftp = sftp
        self._checks = checks
        self._tally = tally
        self._crew = Crew(tally)
        self._made: list[tuple[bytes, os.stat_result]] = []
        self._fresh: list[tuple[bytes, bytes, bytes, os.stat_result]] = []

    async def send_file(self, source: bytes, target: bytes) -> None:
        """One file, to that very path, whose directory is there."""
        folder, name = os.path.split(target)
        try:
            there = await self._sftp.list(folder or b".")
        except SftpError as error:
            if error.status != wire.NO_SUCH_FILE:
                raise
            raise SftpError(error.status, "its directory is not there; end the path with / to have one made") from error
        self._crew.add(source, partial(self._file, source, folder, name, os.stat(source), there))
        await self._crew.work()
        await self._settle()

    async def send_tree(self, source: bytes, target: bytes) -> None:
        """What is in the directory `source`, into the directory `target`, which is made where nothing is."""
        self._crew.add(source, partial(self._directory, source, target))
        await self._crew.work()
        await self._settle()
        for path, status in reversed(self._made):
            await self._sftp.set_path(path, mode=_bits(status), modified=int(status.st_mtime))

    async def _settle(self) -> None:
        """SFTP knows seconds alone: what was copied in the very second of its change may have changed once more, and
        nobody could ever tell. So wait until that second is over, and copy those again."""
        if not self._fresh:
            return
        await _pause(max(0.0, max(int(status.st_mtime) for *_, status in self._fresh) + 1 - _now()))
        fresh, self._fresh = self._fresh, []
        for source, folder, name, before in fresh:
            with suppress(OSError):
                now = os.lstat(source)
                if _is_alike(now, before) and now.st_mtime_ns != before.st_mtime_ns:
                    self._tally.files -= 1
                    self._crew.add(source, partial(self._file, source, folder, name, now, {}))
        await self._crew.work()

    async def _directory(self, source: bytes, target: bytes) -> None:
        there = await self._sftp.stat(target)
        if there is None:
            await self._sftp.make_directory(target)
            self._made.append((target, os.stat(source)))
        elif not there.is_directory:
            return self._tally.fault(target, "something that is no directory is there")
        existing = await self._sftp.list(target) if there is not None else {}
        with os.scandir(source) as entries:
            for entry in entries:
                if not is_part(entry.name):
                    self._crew.add(entry.path, partial(self._entry, entry.path, target, entry.name, existing))

    async def _entry(self, source: bytes, folder: bytes, name: bytes, existing: Mapping[bytes, Attributes]) -> None:
        status = os.lstat(source)
        target = os.path.join(folder, name)
        if stat.S_ISDIR(status.st_mode):
            await self._directory(source, target)
        elif stat.S_ISREG(status.st_mode):
            await self._file(source, folder, name, status, existing)
        elif stat.S_ISLNK(status.st_mode):
            await self._link(source, target, existing.get(name))
        else:
            self._tally.leave_out(source, "neither a file, a directory nor a link")

    async def _link(self, source: bytes, target: bytes, there: Attributes | None) -> None:
        wanted = os.readlink(source)
        if there is not None:
            if there.is_link and await self._sftp.read_link(target) == wanted:
                self._tally.unchanged += 1
                return
            if there.is_directory:
                return self._tally.fault(target, "a directory is where the link belongs")
            await self._sftp.remove(target)
        await self._sftp.link(wanted, target)
        self._tally.files += 1

    async def _file(
        self, source: bytes, folder: bytes, name: bytes, status: os.stat_result, existing: Mapping[bytes, Attributes]
    ) -> None:
        target, there = os.path.join(folder, name), existing.get(name)
        if there is not None and there.is_directory:
            return self._tally.fault(target, "a directory is where the file belongs")
        if there is not None and await self._is_there(source, target, status, there):
            self._tally.unchanged += 1
            return
        part = part_name(name, status.st_size, status.st_mtime_ns)
        for old in [found for found in existing if is_old_part(found, name, part)]:
            await self._sftp.remove(os.path.join(folder, old))
        await self._data(source, os.path.join(folder, part), existing.get(part), status)
        await self._sftp.rename(os.path.join(folder, part), target)
        self._tally.files += 1
        if int(status.st_mtime) == int(_now()):
            self._fresh.append((source, folder, name, status))

    async def _is_there(self, source: bytes, target: bytes, status: os.stat_result, there: Attributes) -> bool:
        """Whether it need not travel; then what is there gets its mode and time."""
        if not there.is_file or there.size != status.st_size:
            return False
        is_as_old = there.modified == int(status.st_mtime)
        if not (is_as_old or self._checks.all):
            return False
        if self._checks.all and not await self._is_equal(source, target, status.st_size):
            return False
        if not is_as_old or there.mode is None or there.mode & 0o777 != _bits(status):
            await self._sftp.set_path(target, mode=_bits(status), modified=int(status.st_mtime))
        return True

    async def _is_equal(self, source: bytes, target: bytes, size: int) -> bool:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return await self._checks.are_equal(target, descriptor, size)
        finally:
            os.close(descriptor)

    async def _data(self, source: bytes, part: bytes, begun: Attributes | None, status: os.stat_result) -> None:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            start = await self._start(descriptor, part, begun, status.st_size)
            access = wire.FLAG_WRITE | wire.FLAG_CREATE | (0 if start else wire.FLAG_TRUNCATE)
            async with self._sftp.opened(part, access) as handle:
                tasks: list[asyncio.Task[None]] = []
                try:
                    for at in range(start, status.st_size, CHUNK):
                        await self._sftp.room.acquire()
                        tasks = [task for task in tasks if not task.done() or task.exception()]
                        data = os.pread(descriptor, min(CHUNK, status.st_size - at), at)
                        tasks.append(asyncio.create_task(self._chunk(part, handle, at, data)))
                finally:
                    await settle(tasks)
                await self._sftp.set(handle, mode=_bits(status), modified=int(status.st_mtime))
            after = os.fstat(descriptor)
            if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                raise SftpError(4, "it changed while it was copied; copy it again")
        finally:
            os.close(descriptor)

    async def _chunk(self, part: bytes, handle: bytes, at: int, data: bytes) -> None:
        try:
            await self._sftp.write(handle, at, data)
            self._tally.add(len(data))
        except SftpError as error:
            # OpenSSH's server has one word for most of what fails.
            space = await self._sftp.space(part) if error.status == wire.FAILURE else None
            if space is not None and space < len(data):
                raise OSError(errno.ENOSPC, "no space is left in the environment") from error
            raise
        finally:
            self._sftp.room.release()

    async def _start(self, descriptor: int, part: bytes, begun: Attributes | None, size: int) -> int:
        """Where to go on: behind what is there already and is the same."""
        done = (begun.size or 0) if begun is not None and begun.is_file else 0
        if not RESUMED <= done <= size:
            return 0
        if not await self._checks.are_equal(part, descriptor, done):
            return 0
        self._tally.resumed += done
        return done


def _is_alike(one: os.stat_result, other: os.stat_result) -> bool:
    """As far as SFTP tells."""
    return stat.S_ISREG(one.st_mode) and (one.st_size, int(one.st_mtime)) == (other.st_size, int(other.st_mtime))


def _bits(status: os.stat_result) -> int:
    return status.st_mode & 0o777
