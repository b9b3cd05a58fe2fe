"""Ports of this computer, taken for an environment by sockets that listen on 127.0.0.1 and ::1."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from ez.errors import EzError

_NEIGHBOURS = 20
_BACKLOG = 128
_TAKEN = {errno.EADDRINUSE, errno.EACCES, errno.EPERM}
_NO_SUCH_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


@dataclass(frozen=True)
class Held:
    """A port of this computer that is nobody else's as long as the sockets are open."""

    port: int
    sockets: tuple[socket.socket, ...]

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def hold(port: int, *, exactly: bool = False) -> Held:
    """Take `port`, or one like it where it is somebody's. Raises EzError where it must be that one and is taken."""
    for candidate in (port,) if exactly else _candidates(port):
        held = _take(candidate)
        if held is not None:
            return held
    raise EzError(f"port {port} of this computer is taken", "leave out `:HERE`, and ez finds a free one")


def _candidates(port: int) -> Iterator[int]:
    yield port
    # Few may take a port below 1024; 8080 and 8443 are what people expect then.
    first = port + 8000 if port < 1024 else port + 1
    yield from range(first, min(first + _NEIGHBOURS, 65536))
    yield from [0] * _NEIGHBOURS


def _take(port: int) -> Held | None:
    """The port on both addresses, or nothing."""
    first = _bound(socket.AF_INET, "127.0.0.1", port)
    if first is None:
        return None
    port = first.getsockname()[1]
    try:
        second = _bound(socket.AF_INET6, "::1", port)
    except OSError as error:
        if error.errno in _NO_SUCH_FAMILY:
            return Held(port, (first,))
        first.close()
        raise
    if second is None:
        first.close()
        return None
    return Held(port, (first, second))


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    """A socket that listens; None where the port is somebody else's."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        if error.errno in _TAKEN:
            return None
        raise
    made.setblocking(False)
    return made
