"""Questions to an engine: what it is, what it can do, which images it has.

`engine` is always the path of a local socket: the engine's own on this computer, or one that somebody forwards to
an engine elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ez.errors import EngineError
from ez.models import Image

DIGEST_LABEL = "ez.digest"
_DIRECT_SINCE = (1, 53)


@dataclass(frozen=True)
class EngineInfo:
    """What an engine says of itself. `kind` is `docker` or `buildkit` (a standalone buildkitd, which says no more).

    `store` is `containerd` or `graphdriver`; `direct` tells that gRPC works from the first byte on its socket;
    `data_root` is where it keeps images, on its computer.
    """

    kind: str
    version: str = ""
    api_version: str = ""
    store: str = ""
    os: str = ""
    architecture: str = ""
    data_root: str = ""
    direct: bool = False


def find_image(engine: Path, reference: str) -> Image | None:
    """The image of that name with the `ez.digest` it was built for, empty if ez did not. Raises EngineError."""
    reply = _ask(engine, f"/images/{quote(reference, safe='/:@')}/json")
    if reply is None:
        return None
    labels = (reply.get("Config") or {}).get("Labels") or {}
    return Image(
        reference=reference, id=str(reply.get("Id", "")), digest=str(labels.get(DIGEST_LABEL, "")), built=False
    )


def engine_info(engine: Path) -> EngineInfo:
    """Ask the engine what it is, over HTTP. Raises EngineError."""
    kind, direct = dialect(engine)
    if kind != "docker":
        return EngineInfo(kind=kind, direct=direct)
    version, info = _ask(engine, "/version"), _ask(engine, "/info")
    if version is None or info is None:
        raise EngineError(f"the Docker Engine is out of order: `{engine}`", "look at `journalctl -u docker`")
    return EngineInfo(
        kind=kind,
        version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        store="containerd" if "io.containerd.snapshotter" in str(info.get("DriverStatus")) else "graphdriver",
        os=str(version.get("Os", "")),
        architecture=str(version.get("Arch", "")),
        data_root=str(info.get("DockerRootDir", "")),
        direct=direct,
    )


def engine_capabilities(engine: Path) -> frozenset[str]:
    """The LLB capabilities that the engine's BuildKit has enabled. Raises EngineError."""
    import asyncio

    from ez.build.buildkit.builder import capabilities
    from ez.build.buildkit.client import Place

    return asyncio.run(capabilities(Place(engine, dialect(engine)[1])))


def dialect(engine: Path) -> tuple[str, bool]:
    """`docker` or `buildkit`, and whether gRPC works from the first byte."""
    from ez.build.buildkit.engine import NotHttpError, ask

    try:
        _, reply = ask(engine, "/version")
    except NotHttpError:
        return "buildkit", True
    if not isinstance(reply, dict) or "ApiVersion" not in reply:
        raise _no_docker(engine)
    return "docker", _version(str(reply["ApiVersion"])) >= _DIRECT_SINCE


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _ask(engine: Path, path: str) -> dict[str, Any] | None:
    """The reply, None for an HTTP error."""
    from ez.build.buildkit.engine import NotHttpError, ask

    try:
        status, reply = ask(engine, path)
    except NotHttpError as error:
        raise _no_docker(engine) from error
    return reply if status == 200 and isinstance(reply, dict) else None


def _no_docker(engine: Path) -> EngineError:
    return EngineError(f"not a Docker Engine's socket: `{engine}`", "set `DOCKER_HOST` to the engine's socket")
