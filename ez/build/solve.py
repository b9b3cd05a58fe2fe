"""The build room's door: a definition becomes an image in an engine.

`engine` is always the path of a local socket: the engine's own on this computer, or one that somebody forwards to
an engine elsewhere. Everything asynchronous happens behind `build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ez.build.definition import Definition
from ez.build.engine import DIGEST_LABEL, dialect
from ez.errors import BuildError
from ez.events import Sink, null_sink
from ez.models import Image, Network


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

    kind, direct = dialect(engine)
    config = docker_config or Path.home() / ".docker" / "config.json"
    labels = {DIGEST_LABEL: definition.digest}
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
