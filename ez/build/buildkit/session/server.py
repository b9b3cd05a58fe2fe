"""The session: a second HTTP/2 connection in which the engine is the client and this computer the server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from grpclib.config import Configuration
from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.proto import ProtoCodec
from grpclib.events import _DispatchServerEvents
from grpclib.exceptions import GRPCError
from grpclib.server import Handler as ServerHandler

from ez.build.buildkit import channel, streams
from ez.build.buildkit.messages import control
from ez.build.buildkit.session.health import Health
from ez.build.engines.address import Address

_CHUNK = 256 * 1024


class Service(Protocol):
    """A gRPC service: handlers by method path."""

    def methods(self) -> dict[str, Handler]: ...


@dataclass(frozen=True)
class Session:
    """An open session. `lost` is set when the engine has closed it; `health` tells when it last looked."""

    id: str
    lost: asyncio.Event
    health: Health


@asynccontextmanager
async def open_session(
    address: Address, services: Iterable[Service], shared_key: str, *, over: channel.EngineChannel | None = None
) -> AsyncIterator[Session]:
    """Serve `services` to the engine until the block ends.

    The engine keeps what it was sent under `shared_key` and next time asks only for what changed, so the key must
    be the same for the same directories and differ for others. The session has a connection of its own through
    Docker's upgrade route, or runs inside `over` for engines without that route. Raises EngineError.
    """
    health = Health()
    handlers = _Handlers()
    for service in (health, *services):
        handlers.update(service.methods())
    id = secrets.token_hex(16)
    headers = [("X-Docker-Expose-Session-Uuid", id)]
    headers += [("X-Docker-Expose-Session-Sharedkey", shared_key)] if shared_key else []
    headers += [("X-Docker-Expose-Session-Grpc-Method", path) for path in handlers]
    carried = _own_connection(address, handlers, headers) if over is None else _inside(over, handlers, headers)
    async with carried as lost:
        yield Session(id, lost, health)


@asynccontextmanager
async def _own_connection(
    address: Address, handlers: _Handlers, headers: list[tuple[str, str]]
) -> AsyncIterator[asyncio.Event]:
    protocol = _protocol(handlers)
    transport = await streams.upgrade(address, "/session", protocol, headers)
    try:
        yield protocol.lost
    finally:
        transport.close()


@asynccontextmanager
async def _inside(
    over: channel.EngineChannel, handlers: _Handlers, headers: list[tuple[str, str]]
) -> AsyncIterator[asyncio.Event]:
    """The session's bytes as messages of the control connection."""
    metadata = [(name.lower(), value) for name, value in headers]
    async with over.conversation("/moby.buildkit.v1.Control/Session", control.BytesMessage, metadata) as stream:
        protocol = _protocol(handlers)
        transport = _MessageTransport(protocol.lost)
        protocol.connection_made(transport)
        pumps = [asyncio.ensure_future(_send(stream, transport)), asyncio.ensure_future(_receive(stream, protocol))]
        try:
            yield protocol.lost
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            protocol.connection_lost(None)
            with suppress(Exception):
                await stream.cancel()


async def _send(stream: Any, transport: _MessageTransport) -> None:
    while True:
        data = await transport.waiting.get()
        while not transport.waiting.empty() and len(data) < _CHUNK:
            data += transport.waiting.get_nowait()
        for start in range(0, len(data), _CHUNK):
            await stream.send_message(control.BytesMessage(data=data[start : start + _CHUNK]))


async def _receive(stream: Any, protocol: channel.Protocol) -> None:
    try:
        async for message in stream:
            protocol.data_received(message.data)
    finally:
        protocol.lost.set()


class _MessageTransport(asyncio.Transport):
    """Takes what the HTTP/2 protocol writes; `waiting` holds it until it is sent.

    The protocol closes it where the engine says goodbye (GOAWAY), and then the engine waits for this side to end the
    message stream: that is what `lost` is for.
    """

    def __init__(self, lost: asyncio.Event) -> None:
        super().__init__()
        self._lost = lost
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data:
            self.waiting.put_nowait(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        self._lost.set()


def _protocol(handlers: _Handlers) -> channel.Protocol:
    handler = _Calls(handlers, ProtoCodec(), None, _DispatchServerEvents())
    return channel.Protocol(handler, Configuration().__for_server__(), client=False)


class _Calls(ServerHandler):
    """Running calls. The engine may cancel one that has just ended."""

    def cancel(self, stream: Any) -> None:
        if stream in self._tasks:
            super().cancel(stream)


class _Handlers(dict[str, Handler]):
    """Handlers by path. A path that is not served is answered UNIMPLEMENTED, in the form Go's gRPC expects."""

    def get(self, path: str, default: Any = None) -> Handler:
        return super().get(path) or Handler(_unimplemented, Cardinality.STREAM_STREAM, *_ANY)


async def _unimplemented(stream: Any) -> None:
    raise GRPCError(Status.UNIMPLEMENTED, "not served by this session")


_ANY: tuple[Callable[[], Any], Callable[[], Any]] = (control.BytesMessage, control.BytesMessage)
