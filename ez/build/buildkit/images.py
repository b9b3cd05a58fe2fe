"""Images that are in a Docker Engine: name them, push them, save them, with the engine's own HTTP API.

For what its BuildKit cannot do with the older image store, and for images that are there already.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from ez.build.buildkit.engine import NotHttpError, ask, exchange
from ez.build.buildkit.failures import not_pushed
from ez.build.buildkit.session.credentials import Credentials
from ez.build.engines.address import Address
from ez.build.llb.reference import registry_of
from ez.build.order import STREAM, Output
from ez.errors import BuildError, EngineError
from ez.events import Sink, Vertex, VertexProgress

_SECONDS_WITHOUT_A_WORD = 300.0
_CHUNK = 1 << 20
_LARGEST_LINE = 1 << 20


def tag(engine: Address, image: str, name: str) -> None:
    """Give `image` the name `name` (fully qualified, with a tag) as well. Raises EngineError."""
    repository, _, version = name.rpartition(":")
    _expect(engine, f"/images/{_quoted(image)}/tag?repo={quote(repository)}&tag={quote(version)}", "POST", 201, image)


def untag(engine: Address, name: str) -> None:
    """Take a name away; gone is fine. Layers that no other name holds go with it. Raises EngineError."""
    with _said(engine, f"/images/{_quoted(name)}?noprune=true", "DELETE", {}) as response:
        response.read(_LARGEST_LINE)


def push(engine: Address, name: str, credentials: Credentials, sink: Sink) -> None:
    """Push the engine's image `name` (fully qualified). `credentials` go to the engine for this alone.

    Raises BuildError with the registry's reason, EngineError.
    """
    repository, _, version = name.rpartition(":")
    path = f"/images/{_quoted(repository)}/push?tag={quote(version)}"
    headers = {"X-Registry-Auth": _header(credentials, registry_of(name))}
    digest, title = "sha256:" + hashlib.sha256(name.encode()).hexdigest(), f"pushing {name}"
    began = time.time()
    sink(Vertex(digest, title, started=began))
    with _said(engine, path, "POST", headers) as response:
        if response.status != 200:
            raise not_pushed(name, _reason(response.read(_LARGEST_LINE)))
        for line in _lines(response):
            if "error" in line:
                sink(Vertex(digest, title, started=began, completed=time.time(), error=str(line["error"])))
                raise not_pushed(name, str(line["error"]))
            if line.get("id") and line.get("progressDetail") and isinstance(line["progressDetail"], dict):
                sink(_progress(digest, line))
    sink(Vertex(digest, title, started=began, completed=time.time()))


def save(engine: Address, name: str, output: Output) -> None:
    """Write the engine's image `name` as a Docker archive; a file appears whole. Raises BuildError, EngineError."""
    if output.target == STREAM:
        assert output.stream is not None
        _copy(engine, name, output.stream)
        return
    path = Path(output.target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise BuildError(f"cannot write there: `{path}` ({error.strerror})", "name another file") from error
    try:
        with os.fdopen(handle, "wb") as file:
            _copy(engine, name, file)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def _copy(engine: Address, name: str, target: BinaryIO) -> None:
    with _said(engine, f"/images/{_quoted(name)}/get", "GET", {}) as response:
        if response.status != 200:
            raise EngineError(f"the engine does not give its image: `{name}` ({_reason(response.read(_LARGEST_LINE))})")
        while chunk := response.read(_CHUNK):
            target.write(chunk)
        if response.length:
            raise _broken_off(engine)


@contextmanager
def _said(engine: Address, path: str, method: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    try:
        with exchange(engine, path, method, headers, timeout=_SECONDS_WITHOUT_A_WORD) as response:
            yield response
    except NotHttpError as error:
        raise _broken_off(engine) from error


def _broken_off(engine: Address) -> EngineError:
    return EngineError(f"the Docker Engine broke off its answer: `{engine}`", "run the same command again once it runs")


def _expect(engine: Address, path: str, method: str, status: int, image: str) -> None:
    try:
        found, reply = ask(engine, path, method)
    except NotHttpError as error:
        raise EngineError(f"not a Docker Engine: `{engine}`", "use a Docker Engine") from error
    if found != status:
        reason = reply.get("message") if isinstance(reply, dict) else found
        raise EngineError(f"the engine refused to name the image: `{image}` ({reason})", "run the same command again")


def _header(credentials: Credentials, registry: str) -> str:
    """Docker's X-Registry-Auth: base64url of JSON."""
    username, secret = credentials
    if username:
        known = {"username": username, "password": secret, "serveraddress": registry}
    else:
        known = {"identitytoken": secret, "serveraddress": registry} if secret else {}
    return base64.urlsafe_b64encode(json.dumps(known).encode()).decode()


def _lines(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := response.readline(_LARGEST_LINE):
        try:
            decoded = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(decoded, dict):
            yield decoded


def _progress(vertex: str, line: dict[str, Any]) -> VertexProgress:
    detail = line["progressDetail"]
    current, total = (one if isinstance(one := detail.get(key), int) else 0 for key in ("current", "total"))
    return VertexProgress(vertex, f"pushing {line['id']}", current, total, done=bool(total) and current >= total)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return body.decode("utf-8", "replace").strip()[:200]


def _quoted(name: str) -> str:
    return quote(name, safe="/:@")
