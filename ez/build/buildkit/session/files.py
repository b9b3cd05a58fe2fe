"""Files of local directories, sent to the engine: a walk of stats, then the contents of the files it asks for.

A directory may not be named by the engine: it gets those given here by name, and nothing above or beside them. What
a directory's ignore file leaves out is not sent, whatever the engine includes. Work on the file system is done in
threads, so that a slow disk does not keep the session from answering.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_plus

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import fsutil
from ez.build.buildkit.session.modes import git_mode, go_mode
from ez.build.ignore import Patterns, ignored
from ez.build.tree import Entry, open_below, walk
from ez.errors import DefinitionError

STAT, REQUEST, DATA, FINISH, ERROR = range(5)
"""Types of packets."""

_CHUNK = 256 * 1024
_ENTRIES_AT_ONCE = 256
_FILES_AT_ONCE = 32


class Files:
    """`directories` by the name a `local://` source has. `sent` counts bytes of contents."""

    def __init__(self, directories: Mapping[str, Path]) -> None:
        self._directories = {name: path.resolve() for name, path in directories.items()}
        self.sent = 0

    def methods(self) -> dict[str, Handler]:
        copy = Handler(self._copy, Cardinality.STREAM_STREAM, fsutil.Packet, fsutil.Packet)
        return {"/moby.filesync.v1.FileSync/DiffCopy": copy}

    async def _copy(self, stream: Any) -> None:
        name = "".join(_values(stream.metadata, "dir-name"))
        root = self._directories.get(name)
        if root is None:
            raise GRPCError(Status.NOT_FOUND, f"no directory `{name}` in this build")
        include = Patterns(_values(stream.metadata, "include-patterns"))
        exclude = Patterns(_values(stream.metadata, "exclude-patterns"))
        transfer = _Transfer(stream, root, include, exclude)
        try:
            await transfer.run()
        finally:
            self.sent += transfer.sent


@dataclass(frozen=True)
class _Begun:
    """A file that was opened, and its first bytes; `file` is None where that is all of it."""

    number: int
    path: str
    first: bytes
    status: os.stat_result
    file: BinaryIO | None


class _Transfer:
    """One walk and what follows from it. The engine asks for files while the walk is still going on."""

    def __init__(self, stream: Any, root: Path, include: Patterns, exclude: Patterns) -> None:
        self._stream = stream
        self._root = root
        self._include = include
        self._exclude = exclude
        self._files: dict[int, str] = {}
        self._asked: asyncio.Queue[int] = asyncio.Queue()
        self._sending = asyncio.Lock()
        self.sent = 0

    async def run(self) -> None:
        """Ends when the engine has all it wants. A failure here ends the call too: it would wait for ever otherwise."""
        working = [asyncio.ensure_future(self._guard(work)) for work in (self._send_stats(), self._send_contents())]
        receiving = asyncio.ensure_future(self._receive())
        try:
            waiting = {receiving, *working}
            while receiving in waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in (receiving, *working):
                task.cancel()
            await asyncio.gather(receiving, *working, return_exceptions=True)

    async def _receive(self) -> None:
        async for packet in self._stream:
            if packet.type == REQUEST:
                self._asked.put_nowait(packet.id)
            elif packet.type == FINISH:
                await self._send(fsutil.Packet(type=FINISH))
                return
            elif packet.type == ERROR:
                raise GRPCError(Status.ABORTED, packet.data.decode("utf-8", "replace"))

    async def _guard(self, work: Awaitable[None]) -> None:
        """Tell the engine about a failure, in the words that the person will read."""
        try:
            await work
        except (OSError, ValueError, DefinitionError) as error:
            await self._send(fsutil.Packet(type=ERROR, data=_words(error).encode("utf-8", "replace")))

    async def _send_stats(self) -> None:
        number = 0
        paths: dict[tuple[int, int], str] = {}
        left_out = (await asyncio.to_thread(ignored, self._root)).patterns
        entries = walk(self._root, self._include, self._exclude, left_out)
        while batch := await asyncio.to_thread(_next, entries):
            for entry in batch:
                first = _first_name(entry, paths)
                if entry.is_file and not first:
                    self._files[number] = entry.path
                await self._send(fsutil.Packet(type=STAT, stat=_stat(entry, first)))
                number += 1
        await self._send(fsutil.Packet(type=STAT))

    async def _send_contents(self) -> None:
        while True:
            numbers = [await self._asked.get()]
            while not self._asked.empty() and len(numbers) < _FILES_AT_ONCE:
                numbers.append(self._asked.get_nowait())
            with ExitStack() as opened:
                for begun in await asyncio.to_thread(self._begin, numbers, opened):
                    await self._send_file(begun)

    def _begin(self, numbers: list[int], opened: ExitStack) -> list[_Begun]:
        """Open files and read their beginnings, in a thread."""
        made = []
        for number in numbers:
            if (path := self._files.pop(number, None)) is None:
                raise ValueError(f"the engine asked for a file that was not offered: {number}")
            file = _opened(self._root, path)
            opened.callback(file.close)
            status = os.fstat(file.fileno())
            first = file.read(_CHUNK)
            if whole := len(first) < _CHUNK:
                _check_unchanged(path, file, status, len(first))
                file.close()
            made.append(_Begun(number, path, first, status, None if whole else file))
        return made

    async def _send_file(self, begun: _Begun) -> None:
        chunk, size = begun.first, 0
        while chunk:
            size += len(chunk)
            self.sent += len(chunk)
            await self._send(fsutil.Packet(type=DATA, id=begun.number, data=chunk))
            chunk = await asyncio.to_thread(begun.file.read, _CHUNK) if begun.file else b""
        if begun.file:
            _check_unchanged(begun.path, begun.file, begun.status, size)
            begun.file.close()
        await self._send(fsutil.Packet(type=DATA, id=begun.number))

    async def _send(self, packet: Any) -> None:
        async with self._sending:
            await self._stream.send_message(packet)


def _opened(root: Path, path: str) -> BinaryIO:
    """A regular file. A pipe that has taken its place is not waited for."""
    descriptor = open_below(root, path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(_changed(path))
    return os.fdopen(descriptor, "rb", buffering=0)


def _next(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, _ENTRIES_AT_ONCE))


def _first_name(entry: Entry, paths: dict[tuple[int, int], str]) -> str:
    """The path under which this very file was sent before, empty if it was not."""
    if not entry.is_file or entry.status.st_nlink < 2:
        return ""
    first = paths.setdefault((entry.status.st_dev, entry.status.st_ino), entry.path)
    return "" if first == entry.path else first


def _stat(entry: Entry, first: str) -> Any:
    """Owned by root and with the modes that Git knows, so that everybody's files give the same cache keys."""
    return fsutil.Stat(
        path=_utf8(entry.path),
        mode=go_mode(git_mode(entry.status.st_mode)),
        size=entry.status.st_size if entry.is_file else 0,
        mod_time=entry.status.st_mtime_ns,
        linkname=_utf8(entry.link or first),
        devmajor=os.major(entry.status.st_rdev),
        devminor=os.minor(entry.status.st_rdev),
    )


def _check_unchanged(path: str, file: BinaryIO, begun: os.stat_result, read: int) -> None:
    """One version of a file is sent, or none."""
    ended = os.fstat(file.fileno())
    if read != begun.st_size or (ended.st_size, ended.st_mtime_ns) != (begun.st_size, begun.st_mtime_ns):
        raise ValueError(_changed(path))


def _changed(path: str) -> str:
    return f"`{path}` changed while it was sent: run the same command again"


def _utf8(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a file's name is not UTF-8: `{os.fsencode(path)!r}`") from None
    return path


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot read `{error.filename}`: {error.strerror}"
    return str(error)


def _values(metadata: Any, name: str) -> list[str]:
    """The values of a key; with `name-encoded: 1` beside it they are URL-encoded."""
    values = metadata.getall(name, [])
    if "1" in metadata.getall(f"{name}-encoded", []):
        return [unquote_plus(value) for value in values]
    return list(values)
