"""The person's SSH agent, lent to steps that mount it: they may list keys and sign, and nothing else.

Agent protocol: draft-ietf-sshm-ssh-agent. Each message is a 32-bit length, a type byte and contents.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import sshforward

_LIST_KEYS = 11
_SIGN = 13
_REFUSED = struct.pack(">IB", 1, 5)
_LONGEST = 256 * 1024


class Agent:
    """`socket` is the agent's own, None where the person has none."""

    def __init__(self, socket: Path | None) -> None:
        self._socket = socket

    def methods(self) -> dict[str, Handler]:
        check = Handler(
            self._check, Cardinality.UNARY_UNARY, sshforward.CheckAgentRequest, sshforward.CheckAgentResponse
        )
        forward = Handler(self._forward, Cardinality.STREAM_STREAM, sshforward.BytesMessage, sshforward.BytesMessage)
        return {"/moby.sshforward.v1.SSH/CheckAgent": check, "/moby.sshforward.v1.SSH/ForwardAgent": forward}

    async def _check(self, stream: Any) -> None:
        request = await stream.recv_message()
        if self._socket is None or request.id not in ("", "default"):
            raise GRPCError(Status.NOT_FOUND, f"no SSH agent `{request.id}` on this computer")
        await stream.send_message(sshforward.CheckAgentResponse())

    async def _forward(self, stream: Any) -> None:
        """One connection of one process in a step."""
        if self._socket is None:
            raise GRPCError(Status.NOT_FOUND, "no SSH agent on this computer")
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError as error:
            raise GRPCError(Status.UNAVAILABLE, f"the SSH agent does not answer: {error}") from error
        try:
            await _relay(stream, reader, writer)
        except (OSError, asyncio.IncompleteReadError, struct.error) as error:
            raise GRPCError(Status.UNAVAILABLE, f"the SSH agent closed the connection: {error}") from error
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _relay(stream: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask the agent what may be asked, and pass its answers on, until the process hangs up."""
    waiting = b""
    async for message in stream:
        waiting += message.data
        while len(waiting) >= 4:
            (length,) = struct.unpack(">I", waiting[:4])
            if length > _LONGEST:
                raise GRPCError(Status.INVALID_ARGUMENT, "an SSH agent request is too long")
            if len(waiting) < 4 + length:
                break
            request, waiting = waiting[: 4 + length], waiting[4 + length :]
            answer = await _ask(request, reader, writer)
            await stream.send_message(sshforward.BytesMessage(data=answer))


async def _ask(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    if len(request) < 5 or request[4] not in (_LIST_KEYS, _SIGN):
        return _REFUSED
    writer.write(request)
    await writer.drain()
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack(">I", head)[0])
