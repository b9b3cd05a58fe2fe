"""`ez build`: the same line as `ez env go`, as far as the image: computer, source, definition, engine.

On this computer nothing is prepared: the engine is the one that the Docker CLI would use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.load import load
from ez.build.order import Output
from ez.compute.ensure import ensure
from ez.env import share
from ez.env.evaluate import check_early
from ez.env.lock import environment_lock
from ez.env.request import BuildRequest, GoContext
from ez.env.source import Source
from ez.env.steps import (
    bring_source,
    build_image,
    connect,
    define,
    engine_here,
    engine_of,
    image_reference,
    make_ready,
    refuse_other_repo,
)
from ez.events import step
from ez.models import Computer, Image
from ez.ssh.host import Host

if TYPE_CHECKING:
    from ez.build.reproducible.check import Comparison

NAMED = ("engine", "registry")
"""Kinds of outputs whose target is an image's name."""

_MOMENT = 315532800
"""The first second of 1980, where the times of zip archives begin."""


@dataclass(frozen=True)
class Written:
    """Where a result went: `kind` as in `--output`, `target` a reference or a path."""

    kind: str
    target: str


@dataclass(frozen=True)
class BuildResult:
    """What a build made. `reference` is the image's first name, empty where only files were written; `id` is what the
    engine or the registry calls it; `digest` is the definition's, the same for the same description everywhere.
    `executed` and `cached` count steps; both are 0 where the image was there already. `platforms` are those asked for.
    """

    environment: str
    computer: str
    reference: str
    id: str
    digest: str
    platforms: tuple[str, ...]
    executed: int
    cached: int
    seconds: float
    outputs: tuple[Written, ...]


def build(request: BuildRequest, context: GoContext) -> BuildResult:
    """Walk the line to the image. Raises the EzError of the step that failed; running it again goes on from there."""
    started = time.monotonic()
    with _walked(request, context) as place:
        image = _have_image(request, context, place)
    digest = place.definition.digest
    outputs = wanted_outputs(request, digest)
    return BuildResult(
        environment=request.name,
        computer=place.host.name,
        reference=next((output.target for output in outputs if output.kind in NAMED), ""),
        id=image.id,
        digest=digest,
        platforms=request.platforms,
        executed=image.executed,
        cached=image.cached,
        seconds=round(time.monotonic() - started, 3),
        outputs=tuple(Written(output.kind, output.target) for output in outputs),
    )


def check(request: BuildRequest, context: GoContext) -> Comparison:
    """Build it twice on one engine, nothing of it from a cache, and tell what differs. Neither image stays.

    All times become those of `timestamp`, or else one that every kind of archive can hold.
    """
    from ez.build.reproducible.check import check_reproducible

    moment = _MOMENT if request.timestamp is None else request.timestamp
    anew = replace(request, rebuild=True)
    with _walked(request, context) as place, step(context.sink, "build", "Build twice and compare") as report:

        def build_once(definition: Definition, engine: Address, reference: str, salt: str) -> Image:
            return build_image(
                anew,
                context,
                place.host,
                definition,
                engine,
                outputs=(Output("engine", reference),),
                platforms=request.platforms,
                secrets=request.secrets,
                agents=request.agents,
                timestamp=moment,
                recorded=False,
            )

        comparison = check_reproducible(place.definition, place.engine, place.engine, build_once)
        report.detail = "they are equal" if comparison.equal else "they differ"
    return comparison


def describe(request: BuildRequest, context: GoContext) -> Definition:
    """What would be built. Of a directory of this computer it is known without any other computer or engine."""
    if request.repo.path is not None:
        return load(Path(request.repo.path), request.name, entry=request.entry, access=not request.plain)
    with _host(request, context) as host:
        return define(request, context, host, bring_source(request, context, host), entered=not request.plain)[0]


def wanted_outputs(request: BuildRequest, digest: str) -> tuple[Output, ...]:
    """Everything that is to be made: the image under its own name where the person asked for nothing else."""
    own = "-".join((image_reference(request.name, digest), *(name.replace("/", "-") for name in request.platforms)))
    names = request.tags or (() if request.outputs else (own,))
    return (*(Output("registry" if request.push else "engine", name) for name in names), *request.outputs)


@dataclass(frozen=True)
class _Place:
    """Where the line has come to before the build. `socket` is the engine's on its computer, empty for one that has
    none there."""

    host: Host
    source: Source
    definition: Definition
    engine: Address
    socket: str


@contextmanager
def _walked(request: BuildRequest, context: GoContext) -> Iterator[_Place]:
    """The line up to the build."""
    if request.computer != "local":
        check_early(request.repo, request.entry, access=not request.plain)
    with _host(request, context) as host:
        if context.settings.text("cache.registry"):
            from ez.env import share

            share.tell(context, host.name, request.name)
        socket, engine = _engine(request, context, host)
        source = bring_source(request, context, host)
        definition, source = define(request, context, host, source, entered=not request.plain)
        with engine as address:
            yield _Place(host, source, definition, address, socket)


@contextmanager
def _host(request: BuildRequest, context: GoContext) -> Iterator[Host]:
    """The computer, with no other ez at work on the environment where a work tree is made for it."""
    computer = ensure(request.computer, context.state)
    with _alone(request, context, computer):
        host = connect(computer, context)
        try:
            yield host
        finally:
            host.close()


def _alone(request: BuildRequest, context: GoContext, computer: Computer) -> AbstractContextManager[None]:
    """No other ez at work on the environment; a directory of this computer that is used in place needs no such care."""
    if request.repo.url is None and computer.name == "local":
        return nullcontext()
    refuse_other_repo(request, context, computer)
    return environment_lock(context.settings.directories.locks, f"{computer.name}.{request.name}", context.sink)


def _engine(request: BuildRequest, context: GoContext, host: Host) -> tuple[str, AbstractContextManager[Address]]:
    if host.is_local:
        address = engine_here(context.settings).address
        return str(address.path or ""), nullcontext(address)
    ready, _ = make_ready(request, context, host)
    return ready.socket, engine_of(host, ready.socket)


def _have_image(request: BuildRequest, context: GoContext, place: _Place) -> Image:
    """What the engine has already; or what the team has, where no more is wanted than the environment's image; or
    built, with what the team knows of its steps."""
    digest = place.definition.digest
    outputs = wanted_outputs(request, digest)
    with step(context.sink, "build", "Build") as report:
        found = _found(request, place, outputs)
        if found is not None:
            report.detail, report.skipped = "the image is there", True
            return found
        shelf = share.ask(request, context, place.engine, place.definition)
        is_own = bool(place.socket) and _is_own(request)
        if is_own and (pulled := share.pull(request, context, place.engine, place.definition, shelf)):
            report.detail = "found in the team's registry"
            return pulled
        image = build_image(
            request,
            context,
            place.host,
            place.definition,
            place.engine,
            outputs=outputs,
            platforms=request.platforms,
            cache_from=(*request.cache_from, *(shelf.imports if shelf else ())),
            cache_to=(*request.cache_to, *(shelf.exports if shelf and is_own else ())),
            secrets=request.secrets,
            agents=request.agents,
            timestamp=request.timestamp,
        )
        report.detail = f"ran {image.executed}, cached {image.cached}"
        if shelf and is_own:
            share.begin(request, context, place.host, place.socket, place.definition, place.source, shelf)
        return image


def _is_own(request: BuildRequest) -> bool:
    """Whether it is the environment's image, made of nothing but its description: that is worth something to others."""
    differs = (request.tags, request.outputs, request.platforms, request.secrets, request.agents, request.cache_to)
    return not (any(differs) or request.plain or request.timestamp is not None)


def _found(request: BuildRequest, place: _Place, outputs: tuple[Output, ...]) -> Image | None:
    """The image where the engine has all that is asked for already."""
    from ez.build.engine import find_image

    elsewhere = any(output.kind != "engine" or output.attributes for output in outputs)
    if request.rebuild or request.cache_to or request.platforms or request.timestamp is not None or elsewhere:
        return None
    images = [find_image(place.engine, output.target) for output in outputs]
    is_there = all(image is not None and image.digest == place.definition.digest for image in images)
    return images[0] if is_there else None
