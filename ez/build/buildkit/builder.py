"""A definition built into an image: ask the engine, read base images, marshal, solve, configure, export."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grpclib.exceptions import GRPCError

from ez.build.buildkit import failures
from ez.build.buildkit.client import Exporter, Place, solve
from ez.build.buildkit.config import built_config, env_of
from ez.build.buildkit.gateway import Gateway, Worker
from ez.build.buildkit.session.agent import Agent
from ez.build.buildkit.session.auth import Auth
from ez.build.buildkit.session.files import Files
from ez.build.buildkit.session.secrets import Secrets
from ez.build.buildkit.status import Progress
from ez.build.buildkit.surroundings import (
    OS_RELEASE,
    OWN_SOURCES,
    BaseFiles,
    around_steps,
    wants_base_files,
)
from ez.build.definition import Definition
from ez.build.graph import ImageSource, base_image, walk
from ez.build.llb.marshal import Made, base_images, marshal
from ez.build.llb.reference import normalise, registry_of
from ez.build.llb.steps import Base
from ez.events import Sink, null_sink
from ez.models import Network


@dataclass(frozen=True)
class Order:
    """What to build and with what; see `ez.build.solve.build`."""

    definition: Definition
    reference: str
    labels: Mapping[str, str]
    network: Network
    agent_socket: Path | None
    secrets: Mapping[str, bytes] = field(repr=False)
    salt: str
    docker_config: Path


class Builder:
    """Builds one order, once."""

    def __init__(self, place: Place, exporter: str, order: Order, sink: Sink) -> None:
        self._place = place
        self._exporter = Exporter(exporter, {"name": normalise(ImageSource(order.reference))})
        self._order = order
        self._progress = Progress(sink)
        self._secrets = dict(order.secrets)
        self._states: Mapping[str, Made] = {}

    async def run(self) -> str:
        """The id of the image, as the engine calls it. Raises BuildError, StepError, EngineError."""
        context = Path(self._order.definition.context)
        services = (
            Files({"context": context}),
            Secrets(self._secrets),
            Agent(self._order.agent_socket),
            Auth(self._order.docker_config, self._registries()),
        )
        shared_key = hashlib.sha256(bytes(context.resolve())).hexdigest()
        try:
            reply = await solve(self._place, self._exporter, services, shared_key, self._progress, self._body)
        except GRPCError as error:
            raise failures.build_failed(error, self._progress, self._states) from error
        except failures.LOST as error:
            raise failures.lost(self._place.engine, error) from error
        return reply.get("containerimage.digest", "")

    def _registries(self) -> frozenset[str]:
        """The hosts of all images of the definition, and of the mirror that may stand in for them."""
        images = [state for state in walk(self._order.definition.state) if isinstance(state, ImageSource)]
        mirrors = [urlsplit(url).netloc for name, url in self._order.network.mirrors if name == "registry"]
        return frozenset([*(registry_of(normalise(image)) for image in images), *mirrors])

    async def _body(self, gateway: Gateway) -> tuple[str, bytes]:
        definition = self._order.definition
        images = base_images(definition.state)
        worker, *configs = await asyncio.gather(
            gateway.ping(), *(self._config(gateway, name, image) for name, image in images.items())
        )
        by_reference = dict(zip(images, configs, strict=True))
        bases = {name: await self._base(gateway, worker, images[name], by_reference[name]) for name in images}
        marshalled = marshal(
            definition.state,
            sources=definition.sources,
            bases=bases,
            platform=worker.platform,
            unique=secrets.token_hex(8),
            salt=self._order.salt,
        )
        self._states = marshalled.states
        if error := failures.lacking(marshalled.capabilities, worker):
            raise error
        result = await gateway.solve(marshalled.message)
        below = base_image(definition.state)
        base = by_reference[normalise(below)] if below else {}
        return result, built_config(base, definition.config, worker.platform, self._order.labels)

    async def _config(self, gateway: Gateway, reference: str, image: ImageSource) -> dict[str, Any]:
        try:
            return await gateway.image_config(reference)
        except GRPCError as error:
            raise failures.image_failed(reference, image, error) from error

    async def _base(self, gateway: Gateway, worker: Worker, image: ImageSource, config: Mapping[str, Any]) -> Base:
        """What steps on `image` inherit; the secrets among it are added to those the session serves."""
        network = self._order.network
        files = BaseFiles()
        if wants_base_files(network):
            files = await _base_files(gateway, await gateway.solve(marshal(image, platform=worker.platform).message))
        around = around_steps(network, self._order.definition.state, normalise(image), files)
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
    """What the engine's BuildKit has enabled, asked in a build that makes nothing. Raises EngineError."""
    found: set[str] = set()

    async def body(gateway: Gateway) -> tuple[str, bytes]:
        found.update((await gateway.ping()).capabilities)
        return "", b"{}"

    try:
        await solve(place, None, (), "", Progress(null_sink), body)
    except GRPCError as error:
        raise failures.build_failed(error, Progress(null_sink), {}) from error
    except failures.LOST as error:
        raise failures.lost(place.engine, error) from error
    return frozenset(found)
