"""All ports of one environment that are forwarded at home, served by a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ez.env.ports.gate import names_of
from ez.env.ports.held import hold
from ez.env.ports.relay import Relay
from ez.env.ports.watching import MOST, Listener
from ez.errors import EzError

_KEPT_SECONDS = 3600.0
_now = time.monotonic

Why = Literal["asked", "exposed", "opened", "published", "left"]


@dataclass(frozen=True)
class Forward:
    """A port inside and where it is here. `why` it is: the person asked, the build file exposes it, a program opened
    it, or the engine publishes it on this computer; it may also be left alone, for a `reason` in words, and then `here`
    is 0. `listens` says whether a program inside does now."""

    port: int
    here: int
    url: str
    why: Why
    program: str = ""
    listens: bool = False
    reason: str = ""


class Forwards:
    """Thread-safe. `way` gives the unix socket that leads to a port inside, None while the connection is lost; `hosts`
    the names that are allowed now beside the environment's own."""

    def __init__(
        self, environment: str, way: Callable[[int], Path | None], hosts: Callable[[], Sequence[str]] = tuple
    ) -> None:
        self._environment = environment
        self._is_allowed = names_of(environment, hosts)
        self._way = way
        self._alone = threading.RLock()
        self._found: dict[int, tuple[Forward, Relay]] = {}
        self._heard: dict[int, float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def want(self, port: int, here: int = 0, why: Why = "asked", program: str = "", listens: bool = False) -> Forward:
        """Have it forwarded, to `here` where that is given. Raises EzError where `here` is taken."""
        with self._alone:
            there = self._found.get(port)
            if there is not None and here in (0, there[0].here):
                kept = replace(there[0], why=why if why != "opened" else there[0].why)
                self._found[port] = (kept, there[1])
                return kept
            held = hold(here or port, exactly=bool(here))
            if there is not None:
                program, listens = there[0].program, there[0].listens
                self.drop(port)
            url = f"http://{self._environment}.localhost:{held.port}"
            relay = Relay(held, lambda: self._way(port), self._is_allowed, url)
            try:
                self._run(relay.start())
            except BaseException:
                held.close()
                raise
            made = Forward(port, held.port, url, why, program, listens)
            self._found[port] = (made, relay)
            return made

    def drop(self, port: int) -> bool:
        """Give the port here back; False where there is none."""
        with self._alone:
            _, relay = self._found.pop(port, (None, None))
            self._heard.pop(port, None)
            if relay is not None:
                self._run(relay.close())
            return relay is not None

    def listening(self, listeners: Sequence[Listener]) -> tuple[Forward, ...]:
        """What programs inside listen on now; gives what is forwarded because of it for the first time.

        What nobody listens on any more keeps its place here for a while, for the program that comes again.
        """
        with self._alone:
            self._let_go()
            now = {listener.port: listener.program for listener in listeners}
            for port, (forward, relay) in self._found.items():
                program = now.get(port, forward.program)
                self._found[port] = (replace(forward, listens=port in now, program=program), relay)
            new = [port for port in now if port not in self._found]
            self._make_room(len(new))
            for port in new[: MOST - len(self._found)]:
                with suppress(EzError, OSError):
                    self.want(port, why="opened", program=now[port], listens=True)
            self._heard.update((port, _now()) for port in now if port in self._found)
            return tuple(self._found[port][0] for port in new if port in self._found)

    def shown(self) -> tuple[Forward, ...]:
        with self._alone:
            return tuple(forward for _, (forward, _) in sorted(self._found.items()))

    def close(self) -> None:
        for port in list(self._found):
            self.drop(port)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _let_go(self) -> None:
        long_ago = _now() - _KEPT_SECONDS
        for port, (forward, _) in list(self._found.items()):
            if forward.why == "opened" and not forward.listens and self._heard.get(port, long_ago) <= long_ago:
                self.drop(port)

    def _make_room(self, count: int) -> None:
        idle = [port for port, (forward, _) in self._found.items() if forward.why == "opened" and not forward.listens]
        for port in idle[: max(0, len(self._found) + count - MOST)]:
            self.drop(port)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(10)
