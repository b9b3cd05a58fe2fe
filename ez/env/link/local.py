"""A unix socket here that answers each connection in a thread of its own."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_WAITING = 32
_AT_ONCE = 128
"""Connections that are answered at a time; others wait."""


class LocalServer:
    """Listens at `path` (0600, in a private directory) until it is closed; `answer` gets each connection.

    What `answer` raises ends that connection and nothing else: whoever speaks at the other end may be anybody."""

    def __init__(self, path: Path, answer: Callable[[socket.socket], None]) -> None:
        self._path = path
        self._answer = answer
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            self._listener.bind(str(path))
            os.chmod(path, 0o600)
            self._listener.listen(_WAITING)
        except OSError:
            self._listener.close()
            raise
        threading.Thread(target=self._accept, name=path.name, daemon=True).start()

    @property
    def path(self) -> Path:
        return self._path

    def close(self) -> None:
        # A thread that waits for a connection does not notice that its socket is closed, but that it is shut down.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._free.acquire()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(Exception):
                self._answer(connection)
        finally:
            self._free.release()
