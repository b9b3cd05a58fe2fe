"""Questions to an engine: what it is, what it can do, which images it has."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ez.build.engines.address import Address as Address
from ez.errors import EngineError
from ez.models import Image

if TYPE_CHECKING:
    from ez.build.buildkit.client import Place
    from ez.build.engines.records import BuildRecord, EngineInfo, Worker

DIGEST_LABEL = "ez.digest"
_DIRECT_SINCE = (1, 53)
_DAY = re.compile(r"2\d{3}-\d\d-\d\d")
"""How the time of an image begins, unless it was set to something that tells nothing."""
_PODMAN = "Podman Engine"
"""What Podman calls its part in its reply to Docker's `/version`."""
_Answer = TypeVar("_Answer")


def find_image(engine: Address, reference: str) -> Image | None:
    """The image of that name with the `ez.digest` it was built for, empty if ez did not. Raises EngineError.

    A standalone buildkitd has no images.
    """
    from ez.build.buildkit.engine import NotHttpError, ask

    try:
        status, reply = ask(engine, f"/images/{quote(reference, safe='/:@')}/json")
    except NotHttpError:
        return None
    if status != 200 or not isinstance(reply, dict):
        return None
    section = reply.get("Config")
    labels = section.get("Labels") if isinstance(section, dict) else None
    digest = str(labels.get(DIGEST_LABEL, "")) if isinstance(labels, dict) else ""
    made = _DAY.match(str(reply.get("Created")))
    return Image(
        reference=reference, id=str(reply.get("Id", "")), digest=digest, built=False, day=made[0] if made else ""
    )


def engine_info(engine: Address) -> EngineInfo:
    """Ask the engine what it is, over HTTP. Raises EngineError."""
    from ez.build.engines.records import EngineInfo

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


def engine_capabilities(engine: Address) -> frozenset[str]:
    """The LLB capabilities that the engine's BuildKit has enabled. Raises EngineError."""
    from ez.build.buildkit.builder import capabilities

    return ask_buildkit(engine, capabilities)


def workers(engine: Address) -> tuple[Worker, ...]:
    """Who builds there; the Docker Engine has one worker. Raises EngineError."""
    from ez.build.buildkit import control

    return ask_buildkit(engine, control.workers)


def buildkit_version(engine: Address) -> str:
    """For people to read: some packages say `v0.0.0+unknown`, and BuildKit before 0.11 nothing. Raises EngineError."""
    from ez.build.buildkit import control

    return ask_buildkit(engine, control.version)


def history(engine: Address) -> tuple[BuildRecord, ...]:
    """The builds that the engine remembers, the oldest first. Raises EngineError, also for one that remembers none."""
    from ez.build.buildkit import control

    return ask_buildkit(engine, control.history)


def ask_buildkit(engine: Address, question: Callable[[Place], Awaitable[_Answer]]) -> _Answer:
    """Run `question` to its end. Raises what it raises, and EngineError."""
    from ez.build.buildkit.client import Place
    from ez.build.running import run

    async def answer() -> _Answer:
        return await question(Place(engine, dialect(engine)[1]))

    return run(answer())


def dialect(engine: Address) -> tuple[str, bool]:
    """`docker` or `buildkit`, and whether gRPC works from the first byte. Raises EngineError, for Podman too."""
    from ez.build.buildkit.engine import NotHttpError, ask

    try:
        _, reply = ask(engine, "/version")
    except NotHttpError:
        return "buildkit", True
    if not isinstance(reply, dict) or "ApiVersion" not in reply:
        raise _no_docker(engine)
    if _PODMAN in str(reply.get("Components")):
        raise EngineError(
            f"this is Podman, which speaks Docker's API but has no BuildKit: `{engine}`",
            "set `DOCKER_HOST` to a Docker Engine's socket",
        )
    return "docker", _version(str(reply["ApiVersion"])) >= _DIRECT_SINCE


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _ask(engine: Address, path: str) -> dict[str, Any] | None:
    """The reply, None for an HTTP error."""
    from ez.build.buildkit.engine import NotHttpError, ask

    try:
        status, reply = ask(engine, path)
    except NotHttpError as error:
        raise _no_docker(engine) from error
    return reply if status == 200 and isinstance(reply, dict) else None


def _no_docker(engine: Address) -> EngineError:
    return EngineError(f"not a Docker Engine's socket: `{engine}`", "set `DOCKER_HOST` to the engine's socket")
