"""The Docker Engine's HTTP API over its local socket: small questions, quick answers."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from pathlib import Path
from typing import Any

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
    """Whatever listens on the socket does not speak HTTP/1: a standalone buildkitd, or no engine at all."""


def ask(engine: Path, path: str, method: str = "GET") -> tuple[int, Any]:
    """The HTTP status and the decoded JSON reply (None where it is no JSON).

    Raises EngineError where no engine answers, NotHttpError where something else does.
    """
    connection = _UnixConnection(engine)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    except (http.client.HTTPException, ConnectionResetError, BrokenPipeError) as error:
        raise NotHttpError(str(error)) from error
    except OSError as error:
        raise socket_error(engine, error) from error
    finally:
        connection.close()
    return response.status, _decoded(body)


def socket_error(engine: Path, error: OSError) -> EngineError:
    """What a failure to talk to the socket means."""
    if isinstance(error, TimeoutError):
        return EngineError(
            f"the Docker Engine does not answer: `{engine}`", "restart it with `sudo systemctl restart docker`"
        )
    summary, hint = _SOCKET_ERRORS.get(error.errno or 0, (f"cannot talk to the Docker Engine ({error})", _START))
    return EngineError(f"{summary}: `{engine}`", hint)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=SECONDS_TO_ANSWER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
