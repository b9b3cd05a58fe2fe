"""A definition built: ask the engine, read base images, marshal, solve, configure, export."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from grpclib.exceptions import GRPCError

from ez.build import ocilayout
from ez.build.buildkit import failures
from ez.build.buildkit.caches import make_caches
from ez.build.buildkit.client import Place, Returned, Wanted, solve
from ez.build.buildkit.config import built_config, env_of
from ez.build.buildkit.exports import Export
from ez.build.buildkit.gateway import CacheEntry, Gateway, ImageFound, Part, Worker
from ez.build.buildkit.private import served
from ez.build.buildkit.session.agent import Agent
from ez.build.buildkit.session.auth import Auth
from ez.build.buildkit.session.content import Content, Store
from ez.build.buildkit.session.export import FileSend
from ez.build.buildkit.session.files import Files
from ez.build.buildkit.session.secrets import Secrets
from ez.build.buildkit.session.server import Service
from ez.build.buildkit.session.upload import Upload
from ez.build.buildkit.status import Progress
from ez.build.buildkit.surroundings import (
    OS_RELEASE,
    OWN_SOURCES,
    BaseFiles,
    around_steps,
    tells_passwords,
    wants_base_files,
)
from ez.build.buildkit.tally import Tally
from ez.build.buildkit.waiting import answering, told
from ez.build.definition import Definition
from ez.build.explain.record import Trace
from ez.build.graph import ImageSource, base_image, walk
from ez.build.llb.marshal import Made, base_images, marshal, name_of, platform_of
from ez.build.llb.platform import Platform, parse_platform, serves
from ez.build.llb.reference import normalise, registry_of
from ez.build.llb.steps import Base
from ez.build.order import Cache
from ez.build.secrets import Secret, SshAgent
from ez.errors import BuildError
from ez.events import Sink, null_sink
from ez.models import Network

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Order:
    """What to build and with what; see `ez.build.solve.build`."""

    definition: Definition
    labels: Mapping[str, str]
    network: Network
    agents: Mapping[str, SshAgent]
    secrets: Mapping[str, bytes | Secret] = field(repr=False)
    salt: str
    docker_config: Path
    uploads: Mapping[str, bytes | BinaryIO] = field(default_factory=dict, repr=False)
    platforms: tuple[str, ...] = ()
    cache_from: tuple[Cache, ...] = ()
    cache_to: tuple[Cache, ...] = ()
    timestamp: int | None = None
    trace: Trace | None = None


@dataclass(frozen=True)
class Built:
    """What a solve gave: the exporter's reply, how many steps ran and were known, and bytes of layers fetched."""

    reply: Mapping[str, str]
    executed: int
    cached: int
    pulled: int


class Builder:
    """Builds one order for one export, once."""

    def __init__(self, place: Place, export: Export, order: Order, sink: Sink) -> None:
        self._place = place
        self._export = export
        self._order = order
        self._tally = Tally(sink)
        self._progress = Progress(self._tally)
        self._caches = make_caches(order.cache_from, order.cache_to)
        self._served = served(order.definition.state, order.secrets, order.agents)
        self._secrets = dict(self._served.secrets)
        self._states: dict[str, Made] = {}

    async def run(self) -> Built:
        """Raises BuildError, StepError, EngineError, and CacheExportError where the image is there without a cache."""
        context = Path(self._order.definition.context)
        shared_key = hashlib.sha256(bytes(context.resolve())).hexdigest()
        order = self._order
        unrecorded = tells_passwords(order.network)
        wanted = Wanted(self._export.exporter, self._caches.exports, order.platforms, unrecorded=unrecorded)
        with FileSend([self._export.target]) as received:
            services = (*self._services(context), received)
            try:
                reply = await solve(self._place, wanted, services, shared_key, self._progress, self._body)
            except GRPCError as error:
                raise received.failure or failures.build_failed(error, self._progress, self._states) from error
            except failures.LOST as error:
                raise failures.lost(self._place.address, error) from error
            received.keep()
        self._record(reply)
        executed, cached = self._tally.steps(self._states)
        return Built(reply, executed, cached, self._tally.pulled)

    def _services(self, context: Path) -> tuple[Service, ...]:
        stores = dict(self._caches.stores)
        if self._export.layout is not None:
            stores["export"] = Store(self._export.layout, writable=True)
        order = self._order
        return (
            Files({"context": context}),
            Secrets(self._secrets),
            Agent(self._served.agents),
            Auth(order.docker_config, self._registries(), network=order.network),
            Content(stores),
            *([Upload(order.uploads)] if order.uploads else []),
        )

    def _registries(self) -> frozenset[str]:
        """The hosts of all images and caches of the order, and of the mirror that may stand in for them."""
        images = [state for state in walk(self._order.definition.state) if isinstance(state, ImageSource)]
        mirrors = [urlsplit(url).netloc for name, url in self._order.network.mirrors if name == "registry"]
        exporter = self._export.exporter
        pushed = exporter.attributes["name"].split(",") if exporter is not None and exporter.type == "image" else []
        found = {registry_of(name) for name in (*map(normalise, images), *pushed)}
        return frozenset({*found, *mirrors, *self._caches.registries})

    def _record(self, reply: Mapping[str, str]) -> None:
        """Name what was written to directories in their indexes, as whoever reads them expects."""
        try:
            if manifest := reply.get("cache.manifest"):
                for folder in self._caches.written:
                    ocilayout.record(folder, json.loads(manifest))
            if self._export.layout is not None and (descriptor := reply.get("containerimage.descriptor")):
                ocilayout.record(self._export.layout, json.loads(base64.b64decode(descriptor)))
        except (ValueError, TypeError, RecursionError) as error:
            raise BuildError("the engine does not say what it wrote", "run the same command again") from error

    async def _body(self, gateway: Gateway) -> Returned:
        """Everything is asked for at once; a round trip to an engine elsewhere takes long."""
        states = walk(self._order.definition.state)
        images = {name_of(state): state for state in states if isinstance(state, ImageSource)}
        asked: list[Platform | None] = [parse_platform(text) for text in self._order.platforms]
        asked = asked or [None]
        worker, configs, imports = await asyncio.gather(
            gateway.ping(),
            asyncio.gather(*(self._configs(gateway, images, platform) for platform in asked)),
            answering(gateway, self._caches.imports, self._tally),
        )
        making = (
            self._part(gateway, worker, platform or worker.platform, found, imports)
            for platform, found in zip(asked, configs, strict=True)
        )
        parts = await asyncio.gather(*making)
        return Returned(tuple(parts), index=len(parts) > 1)

    async def _configs(
        self, gateway: Gateway, images: Mapping[str, ImageSource], platform: Platform | None
    ) -> dict[str, ImageFound]:
        found = await asyncio.gather(*(self._config(gateway, image, platform) for image in images.values()))
        return dict(zip(images, found, strict=True))

    async def _config(self, gateway: Gateway, image: ImageSource, platform: Platform | None) -> ImageFound:
        reference = normalise(image)
        wanted = platform_of(image, platform or Platform()) if platform or image.platform else None
        what = f"the registry of `{reference}`"
        try:
            found = await told(what, gateway.image(reference, wanted), self._tally)
        except GRPCError as error:
            raise failures.image_failed(reference, image, error) from error
        if wanted is not None and not serves(found.config, wanted):
            raise failures.foreign_image(reference, image, wanted, found.config)
        if self._order.trace is not None:
            self._order.trace.resolved(reference, found.id)
        return found

    async def _part(
        self,
        gateway: Gateway,
        worker: Worker,
        platform: Platform,
        found: Mapping[str, ImageFound],
        imports: tuple[CacheEntry, ...],
    ) -> Part:
        """The definition made for one platform."""
        definition = self._order.definition
        images = base_images(definition.state)
        bases = {name: await self._base(gateway, image, platform, found[name].config) for name, image in images.items()}
        marshalled = marshal(
            definition.state,
            sources=definition.sources,
            bases=bases,
            platform=platform,
            capabilities=worker.capabilities,
            unique=secrets.token_hex(8),
            salt=self._order.salt,
            private=self._served.names,
        )
        self._states.update(marshalled.states)
        if self._order.trace is not None:
            self._order.trace.planned(str(platform), marshalled.states)
        if error := failures.lacking(marshalled.capabilities, worker):
            raise error
        result = await gateway.solve(marshalled.message, imports)
        below = base_image(definition.state)
        base = found[name_of(below)].config if below else {}
        config = built_config(base, definition.config, platform, self._order.labels, self._order.timestamp)
        return Part(platform, result, config)

    async def _base(self, gateway: Gateway, image: ImageSource, platform: Platform, config: Mapping[str, Any]) -> Base:
        """What steps on `image` inherit; the secrets among it are added to those the session serves."""
        network = self._order.network
        files = BaseFiles()
        if wants_base_files(network):
            files = await _base_files(gateway, await gateway.solve(marshal(image, platform=platform).message))
        around = around_steps(network, self._order.definition.state, name_of(image), files)
        self._secrets.update(around.secrets)
        return Base(env_of(config), around.surroundings)


async def _base_files(gateway: Gateway, result: str) -> BaseFiles:
    contents = await asyncio.gather(*(gateway.read_file(result, path) for path in (OS_RELEASE, *OWN_SOURCES)))
    release, *own = contents
    return BaseFiles(
        os_release=(release or b"").decode("utf-8", "replace"),
        own_sources=tuple(path for path, content in zip(OWN_SOURCES, own, strict=True) if content is not None),
    )


async def capabilities(place: Place) -> frozenset[str]:
    """What the engine's BuildKit has enabled. Raises EngineError."""

    async def ask(gateway: Gateway) -> frozenset[str]:
        return (await gateway.ping()).capabilities

    return await inquire(place, ask)


async def inquire(
    place: Place, question: Callable[[Gateway], Awaitable[_Answer]], services: tuple[Service, ...] = ()
) -> _Answer:
    """Ask `question` in a build that makes nothing. Raises BuildError, EngineError."""
    answers: list[_Answer] = []

    async def body(gateway: Gateway) -> Returned:
        answers.append(await question(gateway))
        return Returned((Part(Platform(), "", b"{}"),))

    try:
        await solve(place, Wanted(), services, "", Progress(null_sink), body)
    except GRPCError as error:
        raise failures.build_failed(error, Progress(null_sink), {}) from error
    except failures.LOST as error:
        raise failures.lost(place.address, error) from error
    return answers[0]
