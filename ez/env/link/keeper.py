"""The keeper: holds the connection to one environment, makes it anew when it is lost, and lets services live on it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import IO

from ez.env.link.connection import Connection
from ez.env.link.local import LocalServer
from ez.env.link.places import control_socket, make_private
from ez.env.link.service import SERVICES, Keep, Service
from ez.errors import EzError, KeeperError

LOOK_SECONDS = 5.0
"""Between looks whether the keeper's own files are still there."""

ASLEEP_SECONDS = 15.0
"""More time than this between two looks, by the clock on the wall, and this computer slept: is the other side still
there? What a connection asks by itself would tell only after a minute."""

LONGEST_PAUSE = 60.0
PATIENCE = 12 * 3600.0
"""Seconds without a connection after which it is given up; the next `ez env go` begins anew."""

_LONGEST_REQUEST = 1_000_000
_LONGEST_LOG = 1_000_000


class KeeperProcess:
    """One keeper in this process. `is_wanted` is asked after each failure, whether the environment still is one to
    be connected to; `services` are those of the table unless told otherwise."""

    def __init__(
        self, keep: Keep, is_wanted: Callable[[], bool], services: Mapping[str, str] = SERVICES, *, pause: float = 1.0
    ) -> None:
        self._keep = keep
        self._is_wanted = is_wanted
        self._table = services
        self._first_pause = pause
        self._services: dict[str, tuple[Service, threading.Lock]] = {}
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._connected = threading.Event()
        self._connection: Connection | None = None
        self._since = 0.0
        self._times = 0
        self._trouble = ""

    def run(self) -> bool:
        """Until it is told to stop or is no longer wanted. False, at once, where another one is there already."""
        make_private(self._keep.records)
        lock = (self._keep.records / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        with lock:
            self._run(lock)
        return True

    def stop(self) -> None:
        """End soon; from any thread or signal handler."""
        self._ending.set()
        self._hurry.set()
        if self._connection is not None:
            self._connection.end()

    def _run(self, lock: IO[str]) -> None:
        make_private(self._keep.sockets)
        for name, place in self._table.items():
            module, _, function = place.partition(":")
            self._services[name] = (getattr(import_module(module), function)(self._keep), threading.Lock())
        server = LocalServer(control_socket(self._keep.sockets), self._answer)
        try:
            self._hold()
        finally:
            server.close()
            for path in self._keep.sockets.glob("*"):
                path.unlink(missing_ok=True)
            with suppress(OSError):
                self._keep.sockets.rmdir()

    def _hold(self) -> None:
        pause, last = self._first_pause, time.monotonic()
        while not self._ending.is_set() and self._is_there():
            try:
                connection = Connection.open(self._keep)
            except EzError as error:
                self._note(error.message)
                if time.monotonic() - last > PATIENCE or not self._is_wanted():
                    return
                self._hurry.wait(pause)
                self._hurry.clear()
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            self._live_on(connection)
            pause, last = self._first_pause, time.monotonic()

    def _live_on(self, connection: Connection) -> None:
        self._connection, self._trouble = connection, ""
        try:
            for name, (service, lock) in self._services.items():
                self._tell(name, lambda service=service: service.connected(connection), lock)  # type: ignore[misc]
            self._since, self._times = time.time(), self._times + 1
            self._note("connected")
            self._connected.set()
            while not self._ending.is_set() and self._is_there() and not self._has_gone(connection):
                pass
        finally:
            self._connected.clear()
            self._connection = None
            connection.close()
            for name, (service, lock) in self._services.items():
                self._tell(name, service.lost, lock)
            self._note("connection ended")

    def _has_gone(self, connection: Connection) -> bool:
        """Looks for a while."""
        began = time.time()
        if connection.is_lost(LOOK_SECONDS):
            return True
        return time.time() - began > LOOK_SECONDS + ASLEEP_SECONDS and not connection.answers()

    def _tell(self, name: str, call: Callable[[], None], lock: threading.Lock) -> None:
        """One service that fails leaves the others alone."""
        try:
            with lock:
                call()
        except Exception as error:
            self._note(f"{name}: {error}")

    def _is_there(self) -> bool:
        """A keeper whose files somebody removed, with the home they were in, has nothing left to do."""
        return self._keep.records.is_dir() and self._keep.sockets.is_dir()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection.makefile("rb") as lines:
            request = json.loads(lines.readline(_LONGEST_REQUEST))
        try:
            value = self._asked(str(request["service"]), [str(word) for word in request["words"]])
            reply: dict[str, object] = {"value": value}
        except EzError as error:
            reply = {"error": {"message": error.message, "hint": error.hint}}
        except Exception as error:
            self._note(f"{request.get('service')}: {type(error).__name__}: {error}")
            reply = {"error": {"message": f"the keeper could not do that: {type(error).__name__}", "hint": None}}
        connection.sendall(json.dumps(reply).encode() + b"\n")

    def _asked(self, name: str, words: list[str]) -> object:
        if name == "keeper":
            return self._asked_itself(words)
        if name not in self._services:
            raise KeeperError(f"the keeper has no service `{name[:60]}`", "ez env link stop, then start: it is older")
        service, lock = self._services[name]
        with lock:
            return service.ask(words)

    def _asked_itself(self, words: list[str]) -> object:
        match words:
            case ["stop"]:
                self.stop()
            case ["wait", seconds]:
                self._hurry.set()
                return self._connected.wait(min(float(seconds), 60.0))
            case ["ping"]:
                pass
            case _:
                return self._state()
        return True

    def _state(self) -> dict[str, object]:
        connected = self._connected.is_set()
        return {
            "pid": os.getpid(),
            "connected": connected,
            "since": self._since if connected else 0.0,
            "connections": self._times,
            "trouble": self._trouble,
            "services": sorted(self._services),
        }

    def _note(self, text: str) -> None:
        """A line of the keeper's own log."""
        self._trouble = "" if text == "connected" else text
        path = self._keep.records / "keeper.log"
        with suppress(OSError):
            if path.exists() and path.stat().st_size > _LONGEST_LOG:
                path.replace(path.with_name("keeper.log.1"))
            with path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
