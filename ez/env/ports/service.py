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
from ez.env.ports.watching import MOST, REASONS, Listener, Watch, watch_command
from ez.errors import EzError, UsageError

_MOST_STOPPED = 1000


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
        stopped = tuple(one for one in self._wanted.stopped if one != port)
        self._keep_wanted(replace(self._wanted, asked={**self._wanted.asked, port: here}, stopped=stopped))
        return replace(made, listens=any(listener.port == port for listener in self._listeners))

    def drop(self, port: int) -> bool:
        """Forward it no longer, also where a program opens it."""
        asked = {one: here for one, here in self._wanted.asked.items() if one != port}
        stopped = (*(one for one in self._wanted.stopped if one != port), port)[-_MOST_STOPPED:]
        self._keep_wanted(replace(self._wanted, asked=asked, stopped=stopped))
        return self._ports().drop(port)

    def shown(self) -> tuple[Forward, ...]:
        forwarded = {forward.port: forward for forward in self._ports().shown()}
        published = {port: self._published(port) for port in self._wanted.published if port not in forwarded}
        is_full = len(forwarded) >= MOST
        left = {one.port: self._left(one) for one in self._listeners if is_full or not self._is_followed(one)}
        return tuple(forward for _, forward in sorted({**left, **published, **forwarded}.items()))

    def _left(self, listener: Listener) -> Forward:
        if listener.port in self._wanted.stopped:
            reason = "you stopped it"
        elif listener.reason:
            reason = REASONS[listener.reason]
        else:
            reason = f"more than {MOST} are open" if self._wanted.follows else "`link.ports` is off"
        return Forward(listener.port, 0, "", "left", listener.program, listens=True, reason=reason)

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
            if port not in self._wanted.stopped:
                with suppress(EzError):
                    self._ports().want(port, why="exposed")

    def _changed(self, listeners: tuple[Listener, ...]) -> None:
        self._listeners = listeners
        known = {forward.port for forward in self._ports().shown()}
        theirs = [one for one in listeners if not self._is_published(one.port)]
        new = self._ports().listening([one for one in theirs if one.port in known or self._is_followed(one)])
        self._looked.set()
        for forward in new:
            self._tell(forward)

    def _is_followed(self, listener: Listener) -> bool:
        follows = self._follows and self._wanted.follows
        return follows and not listener.reason and listener.port not in self._wanted.stopped

    def _ports(self) -> Forwards:
        """Made when first needed: most keepers never have one."""
        if self._forwards is None:
            self._forwards = Forwards(self._keep.environment, self._way, lambda: self._wanted.hosts)
        return self._forwards

    def _way(self, port: int) -> Path | None:
        line = self._line
        try:
            return line.outward(port) if line is not None else None
        except EzError:
            return None
