"""A TCP relay that puts a distance between two programs, counts round trips, and can be cut."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self

from .link import Counters, Link


class Relay:
    """Listens on a loopback address of this machine and forwards to `target`; use as a context manager.

    `latency` is one way, in seconds, and may be changed at any time: 0.025 makes the target "50 ms away". Throughput is
    kept. A connection costs the client one more round trip before anything arrives, as TCP's handshake would.
    Methods may be called from any thread; the work is done in a thread of its own.
    """

    def __init__(
        self, target: tuple[str, int], *, latency: float = 0.0, host: str = "127.77.0.1", port: int = 0
    ) -> None:
        self.target = target
        self.latency = latency
        self.host = host
        self.port = port
        """Chosen by the system when 0; known inside the `with` block."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="testbed-relay", daemon=True)
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.Task[None], Link] = {}
        self._passing = asyncio.Event()
        self._cut_after: int | None = None
        self._counters = Counters()

    def __enter__(self) -> Self:
        self._passing.set()
        self._thread.start()
        self._do(self._restore())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def round_trips(self) -> int:
        """Sequential round trips since the last reset, without those of TCP itself: see link.Causality."""
        return self._counters.causality.at_client

    @property
    def turns(self) -> int:
        """How often, over all connections together, the client spoke first or after the server had spoken."""
        return self._counters.turns

    @property
    def connections(self) -> int:
        """Connections accepted since the last reset."""
        return self._counters.connections

    @property
    def open_connections(self) -> int:
        return len(self._links)

    @property
    def bytes_to_client(self) -> int:
        return self._counters.bytes_to_client

    @property
    def bytes_to_server(self) -> int:
        return self._counters.bytes_to_server

    def reset_counters(self) -> None:
        self._do(self._reset_counters())

    def drop(self) -> None:
        """Reset every connection now; new ones are welcome."""
        self._do(self._drop())

    def cut(self) -> None:
        """The link drops: every connection is reset now, new ones are refused until `restore`."""
        self._do(self._cut())

    def cut_after(self, size: int) -> None:
        """`cut` as soon as `size` more bytes, of both directions together, have passed."""
        self._do(self._arm(size))

    def hang(self) -> None:
        """The link goes silent: nothing passes and nobody is told, until `restore`."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def restore(self) -> None:
        """Undo `cut`, `cut_after` and `hang`, at the same address."""
        self._do(self._restore())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _restore(self) -> None:
        self._cut_after = None
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._drop()

    async def _drop(self) -> None:
        tasks = list(self._links)
        for task, link in list(self._links.items()):
            link.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _arm(self, size: int) -> None:
        self._cut_after = size

    async def _reset_counters(self) -> None:
        self._counters.reset()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._counters.connections += 1
        link = Link((reader, writer), self.target, lambda: self.latency, self._passing, self._counters, self._delivered)
        task = self._loop.create_task(link.carry())
        self._links[task] = link
        task.add_done_callback(self._links.pop)

    def _delivered(self, size: int) -> None:
        if self._cut_after is None:
            return
        self._cut_after -= size
        if self._cut_after <= 0:
            self._cut_after = None
            self._cutting = self._loop.create_task(self._cut())
