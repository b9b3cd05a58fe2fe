"""Raw byte streams to a BuildKit: through the Docker Engine's upgrade routes, or straight to a buildkitd."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path

from ez.build.buildkit.engine import SECONDS_TO_ANSWER, socket_error
from ez.errors import EngineError

_LONGEST_HEAD = 65536


async def connect(engine: Path) -> socket.socket:
    """A connected, non-blocking socket. Raises EngineError."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.setblocking(False)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(stream, str(engine)), SECONDS_TO_ANSWER)
    except OSError as error:
        stream.close()
        raise socket_error(engine, error) from error
    except BaseException:
        stream.close()
        raise
    return stream


async def upgrade(engine: Path, route: str, headers: Iterable[tuple[str, str]] = ()) -> tuple[socket.socket, bytes]:
    """A socket on which HTTP/2 begins, and bytes of it that have already come. Raises EngineError."""
    stream = await connect(engine)
    lines = [f"POST {route} HTTP/1.1", "Host: docker", "Connection: Upgrade", "Upgrade: h2c"]
    lines += [f"{name}: {value}" for name, value in headers]
    try:
        surplus = await asyncio.wait_for(_switch(stream, "\r\n".join(lines) + "\r\n\r\n"), SECONDS_TO_ANSWER)
    except OSError as error:
        stream.close()
        raise socket_error(engine, error) from error
    except BaseException:
        stream.close()
        raise
    return stream, surplus


async def _switch(stream: socket.socket, request: str) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(stream, request.encode())
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = await loop.sock_recv(stream, 4096)
        received += chunk
        if not chunk or len(received) > _LONGEST_HEAD:
            raise EngineError(
                "the Docker Engine closed the connection instead of opening BuildKit",
                "look at `journalctl -u docker`",
            )
    head, _, surplus = received.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    if status.split(" ")[1:2] != ["101"]:
        raise EngineError(f"the Docker Engine does not offer BuildKit: `{status}`", "use Docker Engine 20.10 or later")
    return surplus
