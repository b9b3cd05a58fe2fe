"""What comes to the sockets here goes through the gate to a unix socket that leads inside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from ez.env.ports.gate import Gate, Refused
from ez.env.ports.held import Held

_PIECE = 64 * 1024
_MOST = 256
"""Connections to one port at once."""

_QUESTION_SECONDS = 1.0

_PHRASES = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 431: "Request Header Fields Too Large"}

Way = Callable[[], Path | None]
"""The unix socket that leads inside now, None while the connection is lost."""


class Relay:
    """Serves one held port, in the loop that `start` is called in, until `close`. `url` is what people are told."""

    def __init__(self, held: Held, way: Way, is_allowed: Callable[[str], bool], url: str) -> None:
        self._held = held
        self._way = way
        self._is_allowed = is_allowed
        self._url = url
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        for one in self._held.sockets:
            self._servers.append(await asyncio.start_server(self._serve, sock=one, limit=_PIECE))

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._held.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._open) < _MOST:
                self._open.add(task)
                await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gate = Gate(self._is_allowed)
        try:
            path = await asyncio.to_thread(self._way)
            inside = await asyncio.open_unix_connection(path, limit=_PIECE) if path is not None else None
        except OSError:
            inside = None
        if inside is None:
            with suppress(Refused):
                gate.feed(await reader.read(_PIECE))
            return await self._say(writer, gate, 502, "the connection to the environment is lost; ez makes it again")
        try:
            await self._both(gate, reader, writer, *inside)
        finally:
            inside[1].close()

    async def _both(
        self,
        gate: Gate,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner_reader: asyncio.StreamReader,
        inner_writer: asyncio.StreamWriter,
    ) -> None:
        there = asyncio.create_task(_inward(gate, reader, inner_writer))
        back = asyncio.create_task(_outward(inner_reader, writer))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            if there.done():
                there.result()
            if not await back:
                # Whoever asks by HTTP is to read why there is no answer.
                await asyncio.wait({there}, timeout=_QUESTION_SECONDS)
                await self._say(writer, gate, 502, "nothing answers at that port inside")
        except Refused as refused:
            reason = f"{refused}; this address is {self._url}"
            if refused.status == HTTPStatus.FORBIDDEN:
                reason += ", and your own names for it are a setting: ez config set link.hosts NAME"
            gate.is_http = True
            await self._say(writer, gate, refused.status, reason)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)

    async def _say(self, writer: asyncio.StreamWriter, gate: Gate, status: int, reason: str) -> None:
        if not gate.is_http:
            return
        body = f"ez: {reason}\n".encode()
        phrase = _PHRASES.get(status, "Bad Gateway")
        head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        with suppress(OSError):
            await writer.drain()


async def _inward(gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side has ended. Raises Refused."""
    with suppress(OSError, RuntimeError):
        while data := await reader.read(_PIECE):
            if passed := gate.feed(data):
                writer.write(passed)
                await writer.drain()
        writer.write_eof()


async def _outward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """How many bytes came until either side ended."""
    count = 0
    with suppress(OSError, RuntimeError):
        while data := await reader.read(_PIECE):
            count += len(data)
            writer.write(data)
            await writer.drain()
        if count:
            writer.write_eof()
    return count
