"""A client of SFTP that has many requests on their way at once, over a program's stdin and stdout.

Paths are bytes, as the other side has them. What it refuses raises SftpError; a program that ends, or speaks something
else, LinkLostError.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO

from ez.env import sftp_wire as wire
from ez.env.sftp_wire import Attributes, Message, MessageError, long, message, number, text
from ez.errors import LinkLostError

CHUNK = 128 * 1024
"""Bytes of a file in one packet."""

WINDOW = 64
"""Packets with data on their way at once, of all files together."""

_VERSION = 3
_LONGEST = 256 * 1024 + 1024
"""Bytes: what OpenSSH's server sends at most in one message, and a little."""

_MOST_ENTRIES = 1_000_000
_AHEAD = 4
_START_SECONDS = 60.0


class SftpError(Exception):
    """The other side refused a request; `status` is one of SFTP's codes."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said or f"status {status}")
        self.status = status


class Sftp:
    """Use `open_sftp`. Who sends or asks for a CHUNK of data takes a place in `room` while it is on its way."""

    def __init__(self, process: asyncio.subprocess.Process, errors: BinaryIO) -> None:
        self._process = process
        self._errors = errors
        self._waiting: dict[int, asyncio.Future[tuple[int, Message]]] = {}
        self._number = 0
        self._unsent: list[bytes] = []
        self._lost: LinkLostError | None = None
        self._renames = False
        self.room = asyncio.Semaphore(WINDOW)

    async def start(self) -> None:
        """Agree on the version. Raises LinkLostError with what the program said where nobody answers."""
        self._write(message(wire.INIT, number(_VERSION)))
        try:
            kind, body = await asyncio.wait_for(self._packet(), _START_SECONDS)
        except TimeoutError as error:
            raise LinkLostError(f"nobody answers within {_START_SECONDS:g} s") from error
        fields = Message(body)
        if kind != wire.VERSION or fields.number() < _VERSION:
            raise LinkLostError("the environment speaks no SFTP")
        with suppress(MessageError):
            while True:
                extension = (fields.text(), fields.text())
                self._renames |= extension == (b"posix-rename@openssh.com", b"1")

    async def read_replies(self) -> None:
        """Give each answer to whom it is for, until the connection ends, or nobody reads any more; then the others are
        told so."""
        lost = LinkLostError("the copy was ended")
        try:
            while True:
                kind, body = await self._packet()
                fields = Message(body)
                waiting = self._waiting.pop(fields.number(), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result((kind, fields))
        except (LinkLostError, MessageError) as error:
            lost = error if isinstance(error, LinkLostError) else LinkLostError(str(error))
        finally:
            self._lost = lost
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(lost)

    async def lstat(self, path: bytes) -> Attributes | None:
        return await self._stat(wire.LSTAT, path)

    async def stat(self, path: bytes) -> Attributes | None:
        """What is there, or where a link leads to; None for nothing."""
        return await self._stat(wire.STAT, path)

    async def real_path(self, path: bytes) -> bytes:
        fields = await self._ask(wire.REALPATH, text(path), wire.NAME)
        fields.number()
        return fields.text()

    async def list(self, path: bytes) -> dict[bytes, Attributes]:
        """Names in a directory. Raises MessageError for a name that would lead elsewhere."""
        handle = (await self._ask(wire.OPENDIR, text(path), wire.HANDLE)).text()
        found: dict[bytes, Attributes] = {}
        try:
            while await self._list_some(handle, found):
                if len(found) > _MOST_ENTRIES:
                    raise MessageError(f"a directory with more than {_MOST_ENTRIES} entries")
        finally:
            await self.close(handle)
        return found

    @asynccontextmanager
    async def opened(self, path: bytes, access: int) -> AsyncIterator[bytes]:
        """A file's handle. Who ends the block by cancelling it ends the connection too, and need not wait here."""
        handle = await self.open(path, access)
        try:
            yield handle
        except Exception:
            with suppress(SftpError, LinkLostError):
                await self.close(handle)
            raise
        await self.close(handle)

    async def open(self, path: bytes, access: int, mode: int = 0o600) -> bytes:
        body = text(path) + number(access) + wire.wanted(mode=mode if access & wire.FLAG_CREATE else None)
        return (await self._ask(wire.OPEN, body, wire.HANDLE)).text()

    async def close(self, handle: bytes) -> None:
        await self._ask(wire.CLOSE, text(handle))

    async def fstat(self, handle: bytes) -> Attributes:
        return (await self._ask(wire.FSTAT, text(handle), wire.ATTRS)).attributes()

    async def write(self, handle: bytes, offset: int, data: bytes) -> None:
        await self._ask(wire.WRITE, text(handle) + long(offset) + text(data))

    async def read(self, handle: bytes, offset: int, count: int) -> bytes:
        """So many bytes, fewer only at the file's end."""
        parts: list[bytes] = []
        while count:
            try:
                data = (await self._ask(wire.READ, text(handle) + long(offset) + number(count), wire.DATA)).text()
            except SftpError as error:
                if error.status == wire.END:
                    break
                raise
            if not 0 < len(data) <= count:
                raise MessageError(f"{len(data)} bytes for {count}")
            parts.append(data)
            offset, count = offset + len(data), count - len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def set(self, handle: bytes, *, mode: int, modified: int) -> None:
        await self._ask(wire.FSETSTAT, text(handle) + wire.wanted(mode=mode, modified=modified))

    async def set_path(self, path: bytes, *, mode: int, modified: int) -> None:
        await self._ask(wire.SETSTAT, text(path) + wire.wanted(mode=mode, modified=modified))

    async def make_directory(self, path: bytes) -> None:
        await self._ask(wire.MKDIR, text(path) + wire.wanted(mode=0o700))

    async def remove(self, path: bytes) -> None:
        await self._ask(wire.REMOVE, text(path))

    async def read_link(self, path: bytes) -> bytes:
        fields = await self._ask(wire.READLINK, text(path), wire.NAME)
        fields.number()
        return fields.text()

    async def link(self, target: bytes, path: bytes) -> None:
        """OpenSSH takes the two the other way round than the draft has them."""
        await self._ask(wire.SYMLINK, text(target) + text(path))

    async def rename(self, old: bytes, new: bytes) -> None:
        """Over what is there, in one step."""
        if not self._renames:
            raise SftpError(8, "the environment's SFTP server cannot replace a file in one step")
        await self._ask(wire.EXTENDED, text(b"posix-rename@openssh.com") + text(old) + text(new))

    async def space(self, path: bytes) -> int | None:
        """Bytes that are free where `path` is, None where the server does not tell."""
        try:
            said = await self._ask(wire.EXTENDED, text(b"statvfs@openssh.com") + text(path), wire.EXTENDED_REPLY)
        except SftpError:
            return None
        _, block, _, _, free = (said.long() for _ in range(5))
        return block * free

    async def _stat(self, kind: int, path: bytes) -> Attributes | None:
        try:
            return (await self._ask(kind, text(path), wire.ATTRS)).attributes()
        except SftpError as error:
            if error.status == wire.NO_SUCH_FILE:
                return None
            raise

    async def _list_some(self, handle: bytes, found: dict[bytes, Attributes]) -> bool:
        """Whether there may be more. The server answers in order, so that several can be asked for at once."""
        asked = [asyncio.ensure_future(self._ask(wire.READDIR, text(handle), wire.NAME)) for _ in range(_AHEAD)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, SftpError) and answer.status == wire.END:
                return False
            if isinstance(answer, BaseException):
                raise answer
            for _ in range(answer.number()):
                name = answer.text()
                answer.text()
                entry = answer.attributes()
                if name not in (b".", b".."):
                    found[_checked(name, found)] = entry
        return True

    async def _ask(self, kind: int, body: bytes, wanted: int = wire.STATUS) -> Message:
        got, fields = await self._send(kind, body)
        if got == wire.STATUS:
            status = fields.number()
            if wanted == wire.STATUS and status == wire.OK:
                return fields
            said = b""
            with suppress(MessageError):
                said = fields.text()
            raise SftpError(status, said.decode("utf-8", "replace"))
        if got != wanted:
            raise MessageError(f"an answer of kind {got} to a request of kind {kind:d}")
        return fields

    def _send(self, kind: int, body: bytes) -> Awaitable[tuple[int, Message]]:
        if self._lost is not None:
            raise self._lost
        self._number = self._number + 1 & 0xFFFFFFFF
        answer: asyncio.Future[tuple[int, Message]] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        self._write(message(kind, number(self._number), body))
        return answer

    def _write(self, data: bytes) -> None:
        """Requests of one turn of the loop leave in one piece."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if self._process.stdin is not None:
            with suppress(OSError, RuntimeError):
                self._process.stdin.write(data)

    async def _packet(self) -> tuple[int, bytes]:
        assert self._process.stdout is not None
        try:
            length = int.from_bytes(await self._process.stdout.readexactly(4), "big")
            if not 5 <= length <= _LONGEST:
                raise LinkLostError("the environment answers with something else than SFTP" + self._said())
            whole = await self._process.stdout.readexactly(length)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise LinkLostError("the connection to the environment ended" + self._said()) from error
        return whole[0], whole[1:]

    def _said(self) -> str:
        self._errors.seek(0)
        lines = deque(self._errors.read(64 * 1024).decode("utf-8", "replace").splitlines(), maxlen=3)
        return ": " + " ".join(lines) if lines else ""


@asynccontextmanager
async def open_sftp(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[Sftp]:
    """A client of the server that `command` leads to. Raises LinkLostError where it leads nowhere."""
    # No pipe for stderr: a connection that OpenSSH keeps open would keep it open too.
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            # A terminal's Ctrl-C is for ez.
            start_new_session=True,
            limit=2 * _LONGEST,
        )
        sftp = Sftp(process, errors)
        reader: asyncio.Task[None] | None = None
        try:
            await sftp.start()
            reader = asyncio.create_task(sftp.read_replies())
            yield sftp
        finally:
            if reader is not None:
                reader.cancel()
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    await process.wait()


def _checked(name: bytes, known: Mapping[bytes, Attributes]) -> bytes:
    """`name`, where it names something in its directory and nothing was called so before. Raises MessageError."""
    if not name or b"/" in name or b"\0" in name or len(name) > 255 or name in known:
        raise MessageError(f"a name that cannot be: {name[:60]!r}")
    return name
