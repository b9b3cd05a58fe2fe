"""One relayed connection: two delay lines, and the counting of what goes through them."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

CHUNK = 64 * 1024
WINDOW = 512
"""Chunks under way in one direction before the sender is held back: 32 MiB."""

Mark = tuple[int, int]


@dataclass
class Causality:
    """Sequential round trips: how often the client got something that depends on something it got before.

    What a client sends is as deep as the deepest thing delivered to it; an answer is one deeper than the deepest thing
    delivered to the server. Things sent side by side count once. Exact where the delay is longer than the programs'
    own times; with no delay, a long stream with acknowledgements counts high.
    """

    epoch: int = 0
    at_client: int = 0
    at_server: int | None = None

    def reset(self) -> None:
        self.epoch, self.at_client, self.at_server = self.epoch + 1, 0, None

    def sent(self, *, by_client: bool) -> Mark:
        """The mark that travels with a chunk."""
        depth = self.at_client if by_client else 0 if self.at_server is None else self.at_server + 1
        return self.epoch, depth

    def delivered(self, mark: Mark, *, to_client: bool) -> None:
        epoch, depth = mark
        if epoch != self.epoch:
            return
        if to_client:
            self.at_client = max(self.at_client, depth)
        else:
            self.at_server = max(self.at_server or 0, depth)


@dataclass
class Counters:
    """What went through all connections of a relay since the last reset."""

    connections: int = 0
    bytes_to_client: int = 0
    bytes_to_server: int = 0
    turns: int = 0
    causality: Causality = field(default_factory=Causality)
    _last_by_client: bool = False

    def reset(self) -> None:
        self.connections = self.bytes_to_client = self.bytes_to_server = self.turns = 0
        self.causality.reset()
        self._last_by_client = False

    def sent(self, *, by_client: bool) -> Mark:
        if by_client and not self._last_by_client:
            self.turns += 1
        self._last_by_client = by_client
        return self.causality.sent(by_client=by_client)

    def delivered(self, mark: Mark, size: int, *, to_client: bool) -> None:
        self.causality.delivered(mark, to_client=to_client)
        if to_client:
            self.bytes_to_client += size
        else:
            self.bytes_to_server += size


@dataclass
class Link:
    """A connection of a client, and the one to the target that belongs to it; `carry` runs until both are closed."""

    client: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    target: tuple[str, int]
    latency: Callable[[], float]
    passing: asyncio.Event
    counters: Counters
    after_delivery: Callable[[int], None]
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def carry(self) -> None:
        reader, writer = self.client
        self._writers.append(writer)
        # A client's data would reach the server after SYN, SYN-ACK and one way more.
        not_before = _now() + 3 * self.latency()
        await _sleep_until(not_before)
        await self.passing.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            self.abort()
            return
        self._writers.append(far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry_one_way(reader, far_writer, by_client=True))
                group.create_task(self._carry_one_way(far_reader, writer, by_client=False))
        except* OSError:
            self.abort()
        finally:
            for one in self._writers:
                one.close()

    def abort(self) -> None:
        """Both ends see a reset."""
        for writer in self._writers:
            with contextlib.suppress(OSError):
                _reset_on_close(writer)
            writer.transport.abort()

    async def _carry_one_way(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, by_client: bool
    ) -> None:
        line: asyncio.Queue[tuple[float, Mark, bytes]] = asyncio.Queue(WINDOW)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_in(reader, line, by_client=by_client))
            group.create_task(self._hand_out(line, writer, to_client=not by_client))

    async def _take_in(
        self, reader: asyncio.StreamReader, line: asyncio.Queue[tuple[float, Mark, bytes]], *, by_client: bool
    ) -> None:
        data = b"first"
        while data:
            data = await reader.read(CHUNK)
            mark = self.counters.sent(by_client=by_client) if data else (-1, 0)
            await line.put((_now() + self.latency(), mark, data))

    async def _hand_out(
        self, line: asyncio.Queue[tuple[float, Mark, bytes]], writer: asyncio.StreamWriter, *, to_client: bool
    ) -> None:
        while True:
            due, mark, data = await line.get()
            await _sleep_until(due)
            await self.passing.wait()
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            self.counters.delivered(mark, len(data), to_client=to_client)
            writer.write(data)
            self.after_delivery(len(data))
            await writer.drain()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _sleep_until(due: float) -> None:
    delay = due - _now()
    if delay > 0:
        await asyncio.sleep(delay)


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    linger_none = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
