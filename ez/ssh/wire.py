"""The bytes below an SSH connection: a TCP socket or a proxy's, which notices by itself that the far end is gone."""

from __future__ import annotations

import errno
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SILENCE = 15.0
"""Seconds without one byte from a host, which is asked for one every `PING` seconds, after which it is given up."""

PING = 5


class Wire(socket.socket):
    """A connected stream that ends, for reader and writer alike, when nothing was heard for `SILENCE` seconds.

    The transport on top polls it with short timeouts, so no thread of its own is needed.
    """

    def __init__(self, stream: socket.socket, proxy: Proxy | None = None) -> None:
        super().__init__(fileno=stream.detach())
        self._proxy = proxy
        self._heard = time.monotonic()
        self.gave_up = False
        self.ended = False

    def recv(self, size: int, flags: int = 0) -> bytes:
        try:
            data = super().recv(size, flags)
        except TimeoutError:
            self._check()
            raise
        except OSError:
            self.ended = True
            raise
        self.ended = not data
        self._heard = time.monotonic()
        return data

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except TimeoutError:
            self._check()
            raise

    def close(self) -> None:
        try:
            self.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        super().close()
        if self._proxy is not None:
            self._proxy.close()

    def complaint(self) -> str:
        """What the proxy command said, empty without one."""
        return "" if self._proxy is None else self._proxy.complaint()

    def _check(self) -> None:
        if time.monotonic() - self._heard > SILENCE:
            self.gave_up = self.ended = True
            raise ConnectionResetError(errno.ECONNRESET, f"nothing heard for {SILENCE:g} s")


def dial(host: str, port: int, timeout: float) -> Wire:
    """A TCP connection. NODELAY: else each small message of a forwarded socket waits 40 ms for an acknowledgement."""
    stream = socket.create_connection((host, port), timeout)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(stream)


def dial_through(argv: Sequence[str], environment: Mapping[str, str]) -> Wire:
    """A connection over the stdin and stdout of `argv`, as OpenSSH's ProxyCommand."""
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
    with theirs:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors.fileno(),
                env=dict(environment),
                start_new_session=True,
            )
        except OSError:
            ours.close()
            errors.close()
            raise
    return Wire(ours, proxy=Proxy(process, errors))


class Proxy:
    """The process at the near end of a proxied connection; the transport's thread may close it at any time."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._said = ""
        self._lock = threading.RLock()

    def complaint(self) -> str:
        """The last lines it printed on stderr, as one."""
        with self._lock:
            if not self._errors.closed:
                self._errors.seek(0)
                lines = self._errors.read(64 * 1024).decode("utf-8", "replace").splitlines()
                self._said = "; ".join([line.strip() for line in lines if line.strip()][-3:])
            return self._said

    def close(self) -> None:
        with self._lock:
            self.complaint()
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._errors.close()
