"""Ports as a service of the connection that is kept: those that are wanted, and those that programs open inside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from ez.env.link.service import Keep, Line
from ez.env.ports.forwards import Forward, Forwards
from ez.env.ports.wanted import Wanted, parse_port, read_wanted, write_wanted
from ez.env.ports.watching import Listener, Watch, watch_command
from ez.errors import EzError, UsageError


def make(keep: Keep) -> PortService:
    """For the keeper's table."""
    return PortService(keep)


class PortService:
    """`tell` gets each port that a program opened and that is forwarded from then on. With `follows` off only what is
    wanted is forwarded."""

    def __init__(self, keep: Keep, *, follows: bool = True, tell: Callable[[Forward], None] = lambda one: None) -> None:
        self._keep = keep
        self._follows = follows
        self._tell = tell
        self._wanted = read_wanted(keep.records)
        self._forwards: Forwards | None = None
        self._listeners: tuple[Listener, ...] = ()
        self._line: Line | None = None
        self._watch: Watch | None = None
        self._looked = threading.Event()

    def connected(self, line: Line) -> None:
        self._line = line
        self._apply()
        self._looked.clear()
        self._watch = Watch(line.command(watch_command()), self._keep.variables, self._changed)

    def lost(self) -> None:
        """The ports here stay taken, so that they are the same when the connection is back."""
        self._line = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def close(self) -> None:
        self.lost()
        if self._forwards is not None:
            self._forwards.close()
            self._forwards = None

    def ask(self, words: Sequence[str]) -> object:
        match words:
            case ["list"]:
                self._looked.wait(5 if self._line is not None else 0)
                return [asdict(forward) for forward in self.shown()]
            case ["want", port]:
                return asdict(self.want(*parse_port(port)))
            case ["drop", port]:
                return self.drop(parse_port(port)[0])
            case ["reload"]:
                self._wanted = read_wanted(self._keep.records)
                self._apply()
                return [asdict(forward) for forward in self.shown()]
        raise UsageError("the keeper's ports know no such request", "ez env ports --help")

    def want(self, port: int, here: int) -> Forward:
        """Forward a port now and after each start. Raises EzError where `here` is taken."""
        if here in (0, self._wanted.published.get(port)) and self._is_published(port):
            return self._published(port)
        made = self._ports().want(port, here)
        self._keep_wanted(replace(self._wanted, asked={**self._wanted.asked, port: here}))
        return replace(made, listens=any(listener.port == port for listener in self._listeners))

    def drop(self, port: int) -> bool:
        asked = {one: here for one, here in self._wanted.asked.items() if one != port}
        self._keep_wanted(replace(self._wanted, asked=asked))
        return self._ports().drop(port)

    def shown(self) -> tuple[Forward, ...]:
        forwarded = {forward.port: forward for forward in self._ports().shown()}
        published = {port: self._published(port) for port in self._wanted.published if port not in forwarded}
        return tuple(forward for _, forward in sorted({**published, **forwarded}.items()))

    def _is_published(self, port: int) -> bool:
        """Whether the engine here leads to it: not where its program listens on its own loopback alone."""
        return port in self._wanted.published and all(one.family == 0 for one in self._listeners if one.port == port)

    def _published(self, port: int) -> Forward:
        program = next((one.program for one in self._listeners if one.port == port), None)
        here = self._wanted.published[port]
        url = f"http://{self._keep.environment}.localhost:{here}"
        return Forward(port, here, url, "published", program or "", listens=program is not None)

    def _keep_wanted(self, wanted: Wanted) -> None:
        self._wanted = wanted
        write_wanted(self._keep.records, wanted)

    def _apply(self) -> None:
        """Have forwarded what is wanted. A port here that is taken is left to others."""
        for port, here in self._wanted.asked.items():
            with suppress(EzError):
                self._ports().want(port, here)
        for port in self._wanted.exposed:
            self._ports().want(port, why="exposed")

    def _changed(self, listeners: tuple[Listener, ...]) -> None:
        self._listeners = listeners
        known = {forward.port for forward in self._ports().shown()}
        theirs = [one for one in listeners if not self._is_published(one.port)]
        follows = self._follows and self._wanted.follows
        new = self._ports().listening([one for one in theirs if follows or one.port in known])
        self._looked.set()
        for forward in new:
            self._tell(forward)

    def _ports(self) -> Forwards:
        """Made when first needed: most keepers never have one."""
        if self._forwards is None:
            self._forwards = Forwards(self._keep.environment, self._way)
        return self._forwards

    def _way(self, port: int) -> Path | None:
        line = self._line
        try:
            return line.outward(port) if line is not None else None
        except EzError:
            return None
