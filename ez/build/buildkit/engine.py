"""The Docker Engine's HTTP API: small questions, quick answers."""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ez.build.engines.address import Address
from ez.errors import EngineError

if TYPE_CHECKING:
    from http.client import HTTPResponse

SECONDS_TO_ANSWER = 20.0

_LARGEST_REPLY = 16 << 20
_CHUNK = 1 << 16
_START = "start it with `sudo systemctl start docker`"
_SYSTEM = ("/var/run/docker.sock", "/run/docker.sock")
_JOIN = "join its group with `sudo usermod -aG docker $USER`, then log in again"
_SOCKET_ERRORS: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("no {engine}", _START),
    errno.ECONNREFUSED: ("{engine} is stopped", _START),
    errno.EACCES: ("not allowed to use {engine}", _JOIN),
    errno.EPERM: ("not allowed to use {engine}", _JOIN),
    errno.ENOTSOCK: ("not a {engine}'s socket", "set `DOCKER_HOST` to the engine's socket"),
}


class NotHttpError(Exception):
    """Whatever listens there does not speak HTTP/1: a standalone buildkitd, or no engine at all."""


def ask(address: Address, path: str, method: str = "GET") -> tuple[int, Any]:
    """The HTTP status and the decoded JSON reply (None where it is no JSON).

    In HTTP/1.0, where a reply ends with its connection, so that it takes no library to read. Raises EngineError where
    no engine answers, NotHttpError where something else does.
    """
    with _translated(address), connected(address, SECONDS_TO_ANSWER) as connection:
        connection.sendall(f"{method} {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode("ascii"))
        head, _, body = _reply(connection).partition(b"\r\n\r\n")
    status = head[len("HTTP/1.x ") :][:3]
    if not status.isdigit():
        raise NotHttpError("a reply without a status")
    return int(status), _decoded(body)


@contextmanager
def exchange(
    address: Address,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    timeout: float = SECONDS_TO_ANSWER,
) -> Iterator[HTTPResponse]:
    """The answer as it comes, to be read in the block; `timeout` (seconds) is for each part of it. Raises as `ask`."""
    from http.client import HTTPConnection, HTTPException

    with _translated(address), connected(address, timeout) as opened:
        connection = HTTPConnection("docker", timeout=timeout)
        connection.sock = opened
        try:
            connection.request(method, path, headers=headers)
            yield connection.getresponse()
        except HTTPException as error:
            raise NotHttpError(str(error)) from error
        finally:
            connection.close()


@contextmanager
def connected(address: Address, timeout: float) -> Iterator[socket.socket]:
    """A connection to the engine, which waits for `timeout` seconds at most. Raises OSError, EngineError for keys."""
    if address.path is not None:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.settimeout(timeout)
    else:
        opened = socket.create_connection((address.host, address.port), timeout)
    try:
        if address.path is not None:
            opened.connect(str(address.path))
        elif address.tls is not None:
            from ez.build.buildkit.tls import client_context

            context = client_context(address.tls, "http/1.1")
            opened = context.wrap_socket(opened, server_hostname=address.host)
        yield opened
    finally:
        opened.close()


def socket_error(address: Address, error: OSError) -> EngineError:
    """What a failure to talk to the engine means."""
    import ssl

    from ez.build.buildkit.tls import tls_error

    if isinstance(error, ssl.SSLError):
        return tls_error(address, error)
    if isinstance(error, TimeoutError):
        return EngineError(
            f"the Docker Engine does not answer: `{address}`", "restart it with `sudo systemctl restart docker`"
        )
    if isinstance(error, socket.gaierror):
        chosen = address.chosen_by or "variable DOCKER_HOST"
        return EngineError(f"the engine's host is unknown: `{address}`", f"correct its name in the {chosen}")
    summary, hint = _SOCKET_ERRORS.get(error.errno or 0, (f"cannot talk to the Docker Engine ({error})", _START))
    where = f" ({address.chosen_by})" if address.chosen_by else ""
    if where and hint == _START and str(address.path) not in _SYSTEM:
        hint = f"start it, or correct the {address.chosen_by}"
    return EngineError(f"{summary.replace('{engine}', address.engine)}: `{address}`{where}", hint)


@contextmanager
def _translated(address: Address) -> Iterator[None]:
    try:
        yield
    except (ConnectionResetError, BrokenPipeError) as error:
        raise NotHttpError(str(error)) from error
    except OSError as error:
        if "NO_APPLICATION_PROTOCOL" in str(getattr(error, "reason", "")):  # TLS that is for HTTP/2 alone
            raise NotHttpError(str(error)) from error
        raise socket_error(address, error) from error


def _reply(connection: socket.socket) -> bytes:
    """All that comes. Raises NotHttpError as soon as it is nothing of HTTP/1, or too much; TimeoutError."""
    until = time.monotonic() + SECONDS_TO_ANSWER
    reply = bytearray()
    while chunk := connection.recv(_CHUNK):
        reply += chunk
        if reply[:7] != b"HTTP/1."[: len(reply)] or len(reply) > _LARGEST_REPLY:
            raise NotHttpError("no reply of HTTP/1")
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(reply)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
