"""Byte streams to a BuildKit: through the Docker Engine's upgrade routes, or straight to a buildkitd."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ssl import SSLError
from typing import Any

from ez.build.buildkit.engine import SECONDS_TO_ANSWER, socket_error
from ez.build.engines.address import Address
from ez.errors import EngineError

_LONGEST_HEAD = 65536


async def connect(address: Address, protocol: asyncio.Protocol) -> asyncio.Transport:
    """A connection on which `protocol` speaks HTTP/2 from the first byte. Raises EngineError."""
    return await _open(address, _Opening(protocol), "h2")


async def upgrade(
    address: Address, route: str, protocol: asyncio.Protocol, headers: Iterable[tuple[str, str]] = ()
) -> asyncio.Transport:
    """A connection that `protocol` takes over where the Docker Engine begins HTTP/2 on it. Raises EngineError."""
    lines = [f"POST {route} HTTP/1.1", "Host: docker", "Connection: Upgrade", "Upgrade: h2c"]
    lines += [f"{name}: {value}" for name, value in headers]
    return await _open(address, _Upgrade(protocol, "\r\n".join(lines) + "\r\n\r\n"), "http/1.1")


async def _open(address: Address, opening: _Opening, alpn: str) -> asyncio.Transport:
    """Connect and wait until the engine has let us in: with TLS 1.3 it refuses only after the handshake."""
    transport: asyncio.Transport | None = None
    try:
        async with asyncio.timeout(SECONDS_TO_ANSWER):
            transport = await _connected(address, opening, alpn)
            await opening.done
    except _ClosedError as error:
        raise _closed(address) from error
    except OSError as error:
        _abort(transport)
        raise socket_error(address, error) from error
    except BaseException:
        _abort(transport)
        raise
    return transport


async def _connected(address: Address, protocol: asyncio.Protocol, alpn: str) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    if address.path is not None:
        return (await loop.create_unix_connection(lambda: protocol, str(address.path)))[0]
    context = None
    if address.tls is not None:
        from ez.build.buildkit.tls import client_context

        context = client_context(address.tls, alpn)
    return (await loop.create_connection(lambda: protocol, address.host, address.port, ssl=context))[0]


def _abort(transport: asyncio.Transport | None) -> None:
    if transport is not None:
        transport.abort()


class _Opening(asyncio.Protocol):
    """Holds a connection until the engine's first word, then hands it on to `beyond`. `done` when that is so."""

    def __init__(self, beyond: asyncio.Protocol) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._beyond = beyond

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._beyond.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._hand_on(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._beyond.connection_lost(error)
        self._fail(error if isinstance(error, SSLError) else _ClosedError())

    def _hand_on(self, data: bytes) -> None:
        self._transport.set_protocol(self._beyond)
        if data:
            self._beyond.data_received(data)
        if not self.done.done():
            self.done.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Upgrade(_Opening):
    """Asks for the upgrade first; what the engine sends behind its answer belongs to `beyond`."""

    def __init__(self, beyond: asyncio.Protocol, request: str) -> None:
        super().__init__(beyond)
        self._request = request
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, surplus = self._received.partition(b"\r\n\r\n")
        status = head.split(b"\r\n", 1)[0].decode("latin-1")
        if not blank:
            if len(head) > _LONGEST_HEAD:
                self._transport.abort()
        elif status.split(" ")[1:2] != ["101"]:
            self._fail(EngineError(f"the engine does not offer BuildKit: `{status}`", "use Docker Engine 20.10+"))
        elif not self.done.done():
            self._beyond.connection_made(self._transport)
            self._hand_on(surplus)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error if isinstance(error, SSLError) else _ClosedError())


class _ClosedError(ConnectionError):
    """The engine hung up before its first word."""


def _closed(address: Address) -> EngineError:
    """Some servers hang up on a client certificate without saying why."""
    if address.tls is not None:
        from ez.build.buildkit.tls import refused

        return refused(address)
    return EngineError(
        f"the engine closed the connection instead of opening BuildKit: `{address}`",
        "look at `journalctl -u docker` on its computer",
    )
