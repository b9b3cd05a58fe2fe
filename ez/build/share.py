"""A cache and finished images that a team shares through a registry, under the name REGISTRY/NAME of a setting.

Tags below that name: `env-ENVIRONMENT-DIGEST-PLATFORM` is a finished image, the digest that of its definition;
`cache-REPO-PLATFORM-GENERATION` is what the steps of a repo made, for engines with BuildKit of one generation, since
none reads another's; with `-inline` behind it an image that carries its own cache, the only kind that the older image
store of Docker can write.

Whoever may write to the name decides what steps of the team's members make: it is the person's own setting, never a
repo's. A finished image is used when its label `ez.digest` is the definition's, by the digest of the very image that
said so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ez.build.definition import Definition
from ez.build.engine import DIGEST_LABEL, ask_buildkit, find_image
from ez.build.engines.address import Address
from ez.build.graph import ImageConfig, ImageSource
from ez.build.order import Cache, Output
from ez.build.solve import build, push_image
from ez.errors import UsageError
from ez.events import Sink, null_sink
from ez.models import Image, Network, Runtime

if TYPE_CHECKING:
    from ez.build.buildkit.client import Place
    from ez.build.buildkit.gateway import Gateway, Worker

_SECONDS_TO_ANSWER = 15.0
_NOT_THERE = re.compile(r"not found|manifest unknown|name unknown|does not exist|insufficient_scope", re.IGNORECASE)
_GENERATIONS = (
    ("passthroughop", 31),
    ("source.git.bundle", 30),
    ("source.git.mtime", 29),
    ("source.imageblob", 28),
    ("file.copy.requiredpaths", 26),
    ("source.image.checksum", 25),
    ("source.git.skipsubmodules", 24),
    ("source.git.checksum", 22),
    ("exporter.session", 21),
    ("exec.meta.cdi", 20),
    ("file.symlink.create", 19),
    ("exec.validexitcode", 17),
    ("file.copy.alwaysreplaceexistingdestpaths", 14),
    ("exec.mount.cache.content", 13),
    ("source.policy", 11),
    ("mergeop", 10),
    ("file.copy.includeexcludepatterns", 9),
)
"""The first minor release of BuildKit that knows a capability (docs of each release; versions cannot be asked for
everywhere)."""


@dataclass(frozen=True)
class Shelf:
    """Where the team's registry keeps what belongs to one definition on one kind of engine: full references.

    `found` is the finished image by its digest, empty where there is none; `cache` and `inline` are for all
    definitions of the repo. `store` is the engine's image store. `trouble` says why the registry cannot be
    used now, empty when it can.
    """

    image: str
    cache: str
    inline: str
    store: str
    found: str = ""
    trouble: str = ""

    @property
    def imports(self) -> tuple[Cache, ...]:
        """What a build reads."""
        places = [self.cache] if self.store == "containerd" else [self.inline, self.cache]
        return tuple(Cache("registry", (("ref", place),)) for place in places)

    @property
    def exports(self) -> tuple[Cache, ...]:
        """What the build itself writes, into its image; the rest is for `share`."""
        return () if self.store == "containerd" else (Cache("inline"),)


def look(
    engine: Address,
    registry: str,
    environment: str,
    definition: Definition,
    *,
    cache: str,
    docker_config: Path,
    network: Network = Network(),
) -> Shelf:
    """Ask the registry, through the engine and in one request, whether it has the finished image.

    `cache` is what the team calls the repo: all that have one such name write to one cache, and the last one stays.
    The registry gets the person's credentials for it. Raises UsageError for a `registry` that is none, EngineError.
    """
    name = check_registry(registry)
    question = _Question(name, environment, cache, definition.digest, docker_config, network)
    return ask_buildkit(engine, question.ask)


def pull(
    definition: Definition,
    engine: Address,
    reference: str,
    shelf: Shelf,
    *,
    docker_config: Path,
    network: Network = Network(),
    sink: Sink = null_sink,
) -> Image:
    """Bring the finished image into the engine, named `reference`, with its configuration and without a build.

    Raises BuildError, EngineError.
    """
    image = Definition(
        ImageSource(shelf.found), ImageConfig(), Runtime(), digest=definition.digest, context=definition.context
    )
    return build(image, engine, reference, network=network, docker_config=docker_config, sink=sink)


def share_image(engine: Address, reference: str, shelf: Shelf, *, docker_config: Path, sink: Sink = null_sink) -> None:
    """Push the engine's image `reference` to where `look` finds it. Raises BuildError, EngineError."""
    from ez.build.buildkit import images

    for name in (shelf.image, *(() if shelf.store == "containerd" else (shelf.inline,))):
        images.tag(engine, reference, name)
        try:
            push_image(engine, name, docker_config, sink)
        finally:
            images.untag(engine, name)


def share_cache(
    definition: Definition,
    engine: Address,
    shelf: Shelf,
    *,
    network: Network,
    docker_config: Path,
    agent_socket: Path | None = None,
    sink: Sink = null_sink,
) -> None:
    """Write all steps of a build that has been made to the registry; nothing where the image carries them itself.

    Raises BuildError, EngineError.
    """
    if shelf.store != "containerd":
        return
    attributes = (("ref", shelf.cache), ("mode", "max"), ("image-manifest", "true"), ("ignore-error", "false"))
    build(
        definition,
        engine,
        "",
        network=network,
        agent_socket=agent_socket,
        docker_config=docker_config,
        outputs=(Output("cacheonly"),),
        cache_to=(Cache("registry", attributes),),
        sink=sink,
    )


def check_registry(text: str) -> str:
    """The full name, without a tag, of a setting's REGISTRY/NAME. Raises UsageError."""
    from ez.build.llb.reference import normalise
    from ez.errors import DefinitionError

    hint = "ez config set cache.registry registry.example.org/team/cache"
    try:
        full = normalise(ImageSource(text))
    except DefinitionError as error:
        raise UsageError(f"`cache.registry` is not a name in a registry: `{text}`", hint) from error
    if "@" in text or ":" in text.rpartition("/")[2]:
        raise UsageError(f"`cache.registry` is a name without a tag: `{text}`", hint)
    return full.rpartition(":")[0]


def has_image(engine: Address, reference: str, digest: str) -> bool:
    """Whether the engine has the image that was made for the definition `digest`."""
    found = find_image(engine, reference)
    return found is not None and found.digest == digest


def generation(capabilities: Iterable[str]) -> int:
    """The minor release of BuildKit 0.x that a worker's capabilities, enabled or not, show."""
    known = set(capabilities)
    return next((minor for name, minor in _GENERATIONS if name in known), 8)


class _Question:
    """Whether the finished image is there, asked in a build that makes nothing."""

    def __init__(
        self, name: str, environment: str, cache: str, digest: str, docker_config: Path, network: Network
    ) -> None:
        self._name = name
        self._environment = environment
        self._cache = cache
        self._digest = digest
        self._docker_config = docker_config
        self._network = network

    async def ask(self, place: Place) -> Shelf:
        from ez.build.buildkit.builder import inquire
        from ez.build.buildkit.session.auth import Auth
        from ez.build.llb.reference import registry_of

        credentials = Auth(self._docker_config, {registry_of(self._name)}, network=self._network)
        return await inquire(place, self._shelf, (credentials,))

    async def _shelf(self, gateway: Gateway) -> Shelf:
        worker = await gateway.ping()
        platform = str(worker.platform).replace("/", "-")
        minor = generation((*worker.capabilities, *worker.disabled))
        image = f"{self._name}:env-{self._environment}-{self._digest.removeprefix('sha256:')[:24]}-{platform}"
        cache = f"{self._name}:cache-{self._cache}-{platform}-0.{minor}"
        found, trouble = await self._found(gateway, worker, image)
        return Shelf(image, cache, f"{cache}-inline", _store(worker), found, trouble)

    async def _found(self, gateway: Gateway, worker: Worker, image: str) -> tuple[str, str]:
        """The image by its digest where it is what is looked for, and what went wrong."""
        import asyncio

        from grpclib.exceptions import GRPCError

        try:
            async with asyncio.timeout(_SECONDS_TO_ANSWER):
                answer = await gateway.image(image, worker.platform, mode="pull")
        except TimeoutError:
            return "", f"no answer within {_SECONDS_TO_ANSWER:.0f} s"
        except GRPCError as error:
            reason = str(error.message)
            return "", "" if _NOT_THERE.search(reason) else reason
        section = answer.config.get("config")
        labels = section.get("Labels") if isinstance(section, dict) else None
        if not answer.digest or not isinstance(labels, dict) or labels.get(DIGEST_LABEL) != self._digest:
            return "", ""
        return f"{image.rpartition(':')[0]}@{answer.digest}", ""


def _store(worker: Worker) -> str:
    return "containerd" if "org.mobyproject.buildkit.worker.snapshotter" in worker.labels else "graphdriver"
