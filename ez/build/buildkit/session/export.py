"""What the engine exports to this computer: a file (tar, docker, oci), or a directory (local).

Like the Docker CLI, an export into a directory writes over the files that it brings and deletes nothing else. Unlike
there, a directory that holds something never makes way for a file. Names come from the engine and are checked:
nothing outside the directory is written, read or linked to.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import select
import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from ez.build.buildkit.messages import control, fsutil
from ez.build.buildkit.session.directory import Directory
from ez.build.buildkit.session.files import DATA, ERROR, FINISH, REQUEST, STAT
from ez.errors import BuildError

_PACKETS_AT_ONCE = 64
_FILES_AT_ONCE = 128
"""Asked for and not yet there; with more, an engine whose sending fails waits for itself (fsutil's send.go)."""
_SECONDS_TO_END = 5.0
_MILLISECONDS_OF_PATIENCE = 200
_HALF_WAY = "the engine ended the export half-way"


@dataclass(frozen=True)
class ToFile:
    """A file that is there as a whole or not at all."""

    path: Path


@dataclass(frozen=True)
class ToStream:
    stream: BinaryIO


@dataclass(frozen=True)
class ToDirectory:
    """Made where it is not there; what it holds stays unless it is written over."""

    path: Path


Target = ToFile | ToStream | ToDirectory


class FileSend:
    """`targets` in the order of the exporters of the solve request, None for one that sends nothing here.

    Used in a `with` block around the solve; `keep` at its end gives files their names, and without it the block
    leaves none behind, since an engine that fails half-way closes a stream as one that is done. `failure` is why
    something could not be written here.
    """

    failure: BuildError | None = None

    def __init__(self, targets: Sequence[Target | None]) -> None:
        self._targets = targets
        self._drafts: dict[Path, Path] = {}
        self._received: set[int] = set()

    def __enter__(self) -> FileSend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for draft in self._drafts.values():
            draft.unlink(missing_ok=True)

    def methods(self) -> dict[str, Handler]:
        receive = Handler(self._receive, Cardinality.STREAM_STREAM, _Raw, _Raw)
        return {"/moby.filesync.v1.FileSend/DiffCopy": receive}

    def keep(self) -> None:
        """The build has succeeded. Raises BuildError where the engine sent nothing, or a file cannot be named."""
        for number, target in enumerate(self._targets):
            if target is not None and number not in self._received:
                raise BuildError("the engine exported nothing", "run the same command again")
        for path, draft in list(self._drafts.items()):
            try:
                draft.replace(path)
            except OSError as error:
                raise BuildError(f"cannot write `{path}`: {error.strerror}", "name another file") from error
            del self._drafts[path]

    async def _receive(self, stream: Any) -> None:
        number, target = self._target(stream.metadata)
        try:
            if isinstance(target, ToDirectory):
                await _Tree(stream, target.path, partial(self._received.add, number), self._fail).receive()
            elif isinstance(target, ToStream):
                await _write(stream, target.stream)
            else:
                await self._receive_file(stream, target.path)
        except (OSError, ValueError) as error:
            self._fail(error)
            raise GRPCError(Status.ABORTED, _words(error)) from error
        self._received.add(number)

    def _fail(self, error: OSError | ValueError) -> None:
        if isinstance(error, OSError):
            self.failure = BuildError(_words(error), "make room there, or name another place with `--output`")

    def _target(self, metadata: Any) -> tuple[int, Target]:
        """Engines that know of one exporter only do not number it."""
        text = metadata.get("buildkit-attachable-exporter-id", "0")
        number = int(text) if text.isdecimal() else -1
        target = self._targets[number] if 0 <= number < len(self._targets) else None
        if target is None:
            raise GRPCError(Status.NOT_FOUND, f"no output `{text}` in this build")
        return number, target

    async def _receive_file(self, stream: Any, path: Path) -> None:
        draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            with await asyncio.to_thread(open, draft, "xb", 0) as file:
                self._drafts[path] = draft
                await _write(stream, file)
        except OSError as error:
            error.filename = path
            raise


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot write `{error.filename or 'the output'}`: {error.strerror or error}"
    return str(error)


async def _write(stream: Any, file: BinaryIO) -> None:
    over = threading.Event()
    try:
        async for message in stream:
            await asyncio.to_thread(_write_all, file, control.BytesMessage.FromString(message).data, over)
    finally:
        over.set()


def _write_all(file: BinaryIO, data: bytes, over: threading.Event) -> None:
    """An unbuffered file may take less than it is given; a pipe is given what it has room for, until all is `over`."""
    rest, room = memoryview(data), _room(file)
    while rest and not over.is_set():
        if room is None:
            rest = rest[file.write(rest) :]
        elif room.poll(_MILLISECONDS_OF_PATIENCE):
            file.write(rest[: select.PIPE_BUF])
            file.flush()
            rest = rest[select.PIPE_BUF :]


def _room(file: BinaryIO) -> select.poll | None:
    """Tells when a pipe or a socket can take more; None for what never makes a writer wait."""
    try:
        descriptor = file.fileno()
    except (OSError, AttributeError):
        return None
    kind = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return None
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    return room


class _Tree:
    """A directory tree as the engine sends it: stats in order, then the contents that are asked for."""

    def __init__(
        self, stream: Any, path: Path, whole: Callable[[], None], failed: Callable[[OSError | ValueError], None]
    ) -> None:
        self._stream = stream
        self._path = path
        self._whole = whole
        self._failed = failed
        self._sending = asyncio.Lock()
        self._room = asyncio.Semaphore(_FILES_AT_ONCE)
        self._number = 0
        self._walking = True
        self._waiting: set[int] = set()

    async def receive(self) -> None:
        await asyncio.to_thread(self._path.mkdir, parents=True, exist_ok=True)
        directory = Directory(self._path)
        packets: asyncio.Queue[Any] = asyncio.Queue(_PACKETS_AT_ONCE)
        wanted: asyncio.Queue[int] = asyncio.Queue()
        reading = asyncio.ensure_future(self._read(packets))
        asking = asyncio.ensure_future(self._ask(wanted))
        try:
            await self._take(directory, packets, wanted)
            await asyncio.to_thread(directory.finish)
            # The engine takes the export for done, and so may end the build, once it has this packet.
            self._whole()
            await self._send(type=FINISH)
            while (await packets.get()).type not in (FINISH, ERROR):
                continue
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                error.filename = self._path / error.filename
            self._failed(error)
            with suppress(StreamTerminatedError):
                await self._refuse(_words(error), packets, asking)
            raise
        finally:
            reading.cancel()
            asking.cancel()
            await asyncio.gather(reading, asking, return_exceptions=True)
            await asyncio.to_thread(directory.close)

    async def _read(self, packets: asyncio.Queue[Any]) -> None:
        """Ends with a packet of its own, since whoever waits for one must learn that none comes."""
        with suppress(StreamTerminatedError):
            async for message in self._stream:
                await packets.put(fsutil.Packet.FromString(message))
        await packets.put(fsutil.Packet(type=ERROR, data=_HALF_WAY.encode()))

    async def _ask(self, wanted: asyncio.Queue[int]) -> None:
        """Apart from reading, since an engine that still sends stats may not read on before they are taken."""
        while True:
            number = await wanted.get()
            await self._room.acquire()
            await self._send(type=REQUEST, id=number)

    async def _take(self, directory: Directory, packets: asyncio.Queue[Any], wanted: asyncio.Queue[int]) -> None:
        """Until all stats and all contents are there."""
        while self._walking or self._waiting:
            batch = [await packets.get()]
            while not packets.empty():
                batch.append(packets.get_nowait())
            for number in await asyncio.to_thread(self._handle_all, directory, batch):
                wanted.put_nowait(number)
            for packet in batch:
                if packet.type == DATA and not packet.data:
                    self._room.release()

    def _handle_all(self, directory: Directory, batch: list[Any]) -> list[int]:
        """In a thread; the numbers of the files whose contents are wanted."""
        return [number for packet in batch for number in self._handle(directory, packet)]

    def _handle(self, directory: Directory, packet: Any) -> tuple[int, ...]:
        if packet.type in (ERROR, FINISH):
            raise ValueError(packet.data.decode("utf-8", "replace") or _HALF_WAY)
        if packet.type == STAT and packet.HasField("stat"):
            number, self._number = self._number, self._number + 1
            if directory.add(number, packet.stat):
                self._waiting.add(number)
                return (number,)
        elif packet.type == STAT:
            self._walking = False
        elif packet.type == DATA:
            if packet.id not in self._waiting:
                raise ValueError(f"the engine sent a file that was not asked for: {packet.id}")
            directory.write(packet.id, packet.data)
            if not packet.data:
                self._waiting.remove(packet.id)
        return ()

    async def _refuse(self, words: str, packets: asyncio.Queue[Any], asking: asyncio.Future[None]) -> None:
        """Say why no more is taken, and take the rest of what was asked for: engines listen only as long."""
        asking.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_END), asyncio.TaskGroup() as both:
                both.create_task(_drop_all(packets))
                both.create_task(self._send(type=ERROR, data=words.encode("utf-8", "replace")))

    async def _send(self, **fields: Any) -> None:
        async with self._sending:
            await self._stream.send_message(_Raw(fsutil.Packet(**fields).SerializeToString()))


async def _drop_all(packets: asyncio.Queue[Any]) -> None:
    while (await packets.get()).type not in (FINISH, ERROR):
        continue


class _Raw(bytes):
    """A message before it is known what it is: the one method carries two kinds."""

    @classmethod
    def FromString(cls, data: bytes) -> _Raw:
        return cls(data)

    def SerializeToString(self) -> bytes:
        return bytes(self)
