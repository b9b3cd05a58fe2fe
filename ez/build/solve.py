"""The build room's door: a definition becomes an image in an engine, and questions to that engine.

`engine` is always the path of a local socket: the engine's own on this computer, or one that somebody forwards to
an engine elsewhere. Everything asynchronous happens behind `build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from ez.build.definition import Definition
from ez.errors import BuildError, EngineError
from ez.events import Sink, null_sink
from ez.models import Image, Network

_DIGEST_LABEL = "ez.digest"
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


def build(
    definition: Definition,
    engine: Path,
    reference: str,
    *,
    network: Network = Network(),
    agent_socket: Path | None = None,
    secrets: Mapping[str, bytes] = MappingProxyType({}),
    salt: str = "",
    docker_config: Path | None = None,
    sink: Sink = null_sink,
) -> Image:
    """Build `definition` into the image `reference` of the engine at the socket `engine`.

    The image carries the label `ez.digest`. `network` reaches every step that has network and nothing of it stays in
    the image; `secrets` (by id) and the SSH agent at `agent_socket` reach the steps that mount them. A non-empty
    `salt` makes every step run again, with its cache mounts as they are. Registry credentials come from
    `docker_config`, by default the Docker CLI's own file. Ctrl-C stops the build on the engine.

    Raises StepError (a step failed or an image could not be read, with its position), BuildError, EngineError, and
    DefinitionError for an image reference that is none.
    """
    import asyncio

    from ez.build.buildkit.builder import Builder, Order
    from ez.build.buildkit.client import Place

    kind, direct = _dialect(engine)
    config = docker_config or Path.home() / ".docker" / "config.json"
    labels = {_DIGEST_LABEL: definition.digest}
    order = Order(definition, reference, labels, network, agent_socket, secrets, salt, config)
    exporter = "moby" if kind == "docker" else "image"
    try:
        id = asyncio.run(Builder(Place(engine, direct), exporter, order, sink).run())
    except BuildError as error:
        # Of two who name the same new image at once, the containerd image store refuses one. Its layers are there now.
        if "already exists" not in error.message:
            raise
        id = asyncio.run(Builder(Place(engine, direct), exporter, order, sink).run())
    return Image(reference=reference, id=id, digest=definition.digest)


def find_image(engine: Path, reference: str) -> Image | None:
    """The image of that name with the `ez.digest` it was built for, empty if ez did not. Raises EngineError."""
    reply = _ask(engine, f"/images/{quote(reference, safe='/:@')}/json")
    if reply is None:
        return None
    labels = (reply.get("Config") or {}).get("Labels") or {}
    return Image(
        reference=reference, id=str(reply.get("Id", "")), digest=str(labels.get(_DIGEST_LABEL, "")), built=False
    )


def engine_info(engine: Path) -> EngineInfo:
    """Ask the engine what it is, over HTTP. Raises EngineError."""
    kind, direct = _dialect(engine)
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

    return asyncio.run(capabilities(Place(engine, _dialect(engine)[1])))


def _dialect(engine: Path) -> tuple[str, bool]:
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
