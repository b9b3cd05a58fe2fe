"""Files of local directories, sent to the engine: a walk of stats, then the contents of the files it asks for.

A directory may not be named by the engine: it gets those given here by name, and nothing above or beside them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import fsutil
from ez.build.buildkit.session.patterns import Patterns
from ez.build.buildkit.session.walk import Entry, open_below, walk

_STAT, _REQUEST, _DATA, _FINISH, _ERROR = range(5)
_CHUNK = 256 * 1024
_ENTRIES_IN_A_ROW = 256


class Files:
    """`directories` by the name a `local://` source has."""

    def __init__(self, directories: Mapping[str, Path]) -> None:
        self._directories = {name: path.resolve() for name, path in directories.items()}

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
        await _Transfer(stream, root, include, exclude).run()


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

    async def run(self) -> None:
        workers = [asyncio.ensure_future(self._guard(work())) for work in (self._send_stats, self._send_contents)]
        try:
            await self._receive()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _receive(self) -> None:
        async for packet in self._stream:
            if packet.type == _REQUEST:
                self._asked.put_nowait(packet.id)
            elif packet.type == _FINISH:
                await self._send(fsutil.Packet(type=_FINISH))
                return
            elif packet.type == _ERROR:
                raise GRPCError(Status.ABORTED, packet.data.decode("utf-8", "replace"))

    async def _guard(self, work: Any) -> None:
        """Tell the engine about a failure; it would wait for ever otherwise."""
        try:
            await work
        except (OSError, ValueError) as error:
            await self._send(fsutil.Packet(type=_ERROR, data=_words(error).encode("utf-8", "replace")))

    async def _send_stats(self) -> None:
        for number, entry in enumerate(walk(self._root, self._include, self._exclude)):
            if entry.is_file:
                self._files[number] = entry.path
            await self._send(fsutil.Packet(type=_STAT, stat=_stat(entry)))
            if number % _ENTRIES_IN_A_ROW == 0:
                await asyncio.sleep(0)
        await self._send(fsutil.Packet(type=_STAT))

    async def _send_contents(self) -> None:
        while True:
            number = await self._asked.get()
            if number not in self._files:
                raise ValueError(f"the engine asked for a file that was not offered: {number}")
            # A pipe that has taken the file's place is not waited for.
            with os.fdopen(open_below(self._root, self._files[number], os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
                while chunk := file.read(_CHUNK):
                    await self._send(fsutil.Packet(type=_DATA, id=number, data=chunk))
                    await asyncio.sleep(0)
            await self._send(fsutil.Packet(type=_DATA, id=number))

    async def _send(self, packet: Any) -> None:
        async with self._sending:
            await self._stream.send_message(packet)


def _stat(entry: Entry) -> Any:
    """Owned by root whoever sends it, so that everybody's files give the same cache keys."""
    return fsutil.Stat(
        path=_utf8(entry.path),
        mode=entry.go_mode,
        size=entry.status.st_size if entry.is_file else 0,
        mod_time=entry.status.st_mtime_ns,
        linkname=_utf8(entry.link),
        devmajor=os.major(entry.status.st_rdev),
        devminor=os.minor(entry.status.st_rdev),
    )


def _utf8(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a file's name is not UTF-8: `{os.fsencode(path)!r}`") from None
    return path


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot read `{error.filename}`: {error.strerror}"
    return str(error)


def _values(metadata: Any, name: str) -> list[str]:
    """The values of a key; with `name-encoded: 1` beside it they are URL-encoded."""
    values = metadata.getall(name, [])
    if "1" in metadata.getall(f"{name}-encoded", []):
        return [unquote_plus(value) for value in values]
    return list(values)
