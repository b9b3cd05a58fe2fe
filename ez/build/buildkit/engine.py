"""The Docker Engine's HTTP API: small questions, quick answers."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from ez.build.engines.address import Address
from ez.errors import EngineError

SECONDS_TO_ANSWER = 20.0

_START = "start it with `sudo systemctl start docker`"
_SOCKET_ERRORS: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("no Docker Engine", _START),
    errno.ECONNREFUSED: ("the Docker Engine is stopped", _START),
    errno.EACCES: (
        "not allowed to use the Docker Engine",
        "join its group with `sudo usermod -aG docker $USER`, then log in again",
    ),
    errno.EPERM: (
        "not allowed to use the Docker Engine",
        "join its group with `sudo usermod -aG docker $USER`, then log in again",
    ),
    errno.ENOTSOCK: ("not a Docker Engine's socket", "set `DOCKER_HOST` to the engine's socket"),
}


class NotHttpError(Exception):
    """Whatever listens there does not speak HTTP/1: a standalone buildkitd, or no engine at all."""


def ask(address: Address, path: str, method: str = "GET") -> tuple[int, Any]:
    """The HTTP status and the decoded JSON reply (None where it is no JSON).

    Raises EngineError where no engine answers, NotHttpError where something else does.
    """
    with exchange(address, path, method) as response:
        return response.status, _decoded(response.read())


@contextmanager
def exchange(
    address: Address,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    timeout: float = SECONDS_TO_ANSWER,
) -> Iterator[http.client.HTTPResponse]:
    """The answer as it comes, to be read in the block; `timeout` is in seconds, for each part of it. Raises as `ask`."""
    connection = _Connection(address, timeout)
    try:
        connection.request(method, path, headers=headers)
        yield connection.getresponse()
    except (http.client.HTTPException, ConnectionResetError, BrokenPipeError) as error:
        raise NotHttpError(str(error)) from error
    except OSError as error:
        if "NO_APPLICATION_PROTOCOL" in str(getattr(error, "reason", "")):  # TLS that is for HTTP/2 alone
            raise NotHttpError(str(error)) from error
        raise socket_error(address, error) from error
    finally:
        connection.close()


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
        return EngineError(f"the engine's host is unknown: `{address}`", "correct its name in `DOCKER_HOST`")
    summary, hint = _SOCKET_ERRORS.get(error.errno or 0, (f"cannot talk to the Docker Engine ({error})", _START))
    return EngineError(f"{summary}: `{address}`", hint)


class _Connection(http.client.HTTPConnection):
    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._address = address

    def connect(self) -> None:
        address = self._address
        if address.path is not None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(address.path))
            return
        self.sock = socket.create_connection((address.host, address.port), self.timeout)
        if address.tls is not None:
            from ez.build.buildkit.tls import client_context

            context = client_context(address.tls, "http/1.1")
            self.sock = context.wrap_socket(self.sock, server_hostname=address.host)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
