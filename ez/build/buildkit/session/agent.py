"""SSH agents of the person, lent to steps that mount them: they may list keys and sign, and nothing else.

Agent protocol: draft-ietf-sshm-ssh-agent. Each message is a 32-bit length, a type byte and contents.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import sshforward
from ez.build.keys import LIST_KEYS, REFUSED, SIGN, load_keys
from ez.build.secrets import DEFAULT_AGENT, SshAgent
from ez.errors import UsageError

_LONGEST = 256 * 1024

_Ask = Callable[[bytes], Awaitable[bytes]]


class Agent:
    """`agents` by the id under which steps mount them."""

    def __init__(self, agents: Mapping[str, SshAgent]) -> None:
        self._agents = agents

    def methods(self) -> dict[str, Handler]:
        check = Handler(
            self._check, Cardinality.UNARY_UNARY, sshforward.CheckAgentRequest, sshforward.CheckAgentResponse
        )
        forward = Handler(self._forward, Cardinality.STREAM_STREAM, sshforward.BytesMessage, sshforward.BytesMessage)
        return {"/moby.sshforward.v1.SSH/CheckAgent": check, "/moby.sshforward.v1.SSH/ForwardAgent": forward}

    async def _check(self, stream: Any) -> None:
        request = await stream.recv_message()
        self._agent(request.id)
        await stream.send_message(sshforward.CheckAgentResponse())

    async def _forward(self, stream: Any) -> None:
        """One connection of one process in a step."""
        agent = self._agent(stream.metadata.get("buildkit.ssh.id", ""))
        try:
            async with _opened(agent) as ask:
                await _relay(stream, ask)
        except UsageError as error:
            raise GRPCError(Status.UNAVAILABLE, error.message) from error
        except (OSError, asyncio.IncompleteReadError, struct.error) as error:
            raise GRPCError(Status.UNAVAILABLE, f"the SSH agent `{agent.id}` does not answer: {error}") from error

    def _agent(self, id: str) -> SshAgent:
        agent = self._agents.get(id or DEFAULT_AGENT)
        if agent is None:
            raise GRPCError(Status.NOT_FOUND, f"no SSH agent `{id or DEFAULT_AGENT}` on this computer")
        return agent


async def _relay(stream: Any, ask: _Ask) -> None:
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
            allowed = length > 0 and request[4] in (LIST_KEYS, SIGN)
            await stream.send_message(sshforward.BytesMessage(data=await ask(request) if allowed else REFUSED))


@asynccontextmanager
async def _opened(agent: SshAgent) -> AsyncIterator[_Ask]:
    """How to ask `agent`, for one connection."""
    if agent.socket is None:
        keys = await asyncio.to_thread(load_keys, agent.keys)
        yield lambda request: asyncio.to_thread(keys.answer, request)
        return
    reader, writer = await asyncio.open_unix_connection(str(agent.socket))

    async def ask(request: bytes) -> bytes:
        writer.write(request)
        await writer.drain()
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">I", head)[0])

    try:
        yield ask
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
