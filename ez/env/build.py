"""`ez build`: the same line as `ez env go`, as far as the image: computer, source, definition, engine.

On this computer nothing is prepared. Which engine builds: `ez.env.engine`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.engines.discover import BUILDKITD, FoundEngine
from ez.build.order import Output
from ez.compute.ensure import ensure
from ez.compute.lock import named_lock
from ez.env import share
from ez.env.engine import engine_here, engine_of, engine_there
from ez.env.evaluate import check_early, load_here
from ez.env.image import Place, have_image, wanted_outputs
from ez.env.request import BuildRequest, GoContext
from ez.env.steps import (
    bring_source,
    build_image,
    connect,
    define,
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
        image = have_image(request, context, place)
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
        return load_here(request, context, access=not request.plain)
    with _host(request, context) as host:
        return define(request, context, host, bring_source(request, context, host), entered=not request.plain)[0]


@contextmanager
def _walked(request: BuildRequest, context: GoContext) -> Iterator[Place]:
    """The line up to the build."""
    if request.computer != "local":
        check_early(request, context, access=not request.plain)
    with _host(request, context) as host:
        if context.settings.text("cache.registry"):
            share.tell(context, host.name, request.name)
        engine = _engine(request, context, host)
        standalone = engine.name == BUILDKITD
        socket = "" if standalone else str(engine.address.path or "")
        source = bring_source(request, context, host)
        definition, source = define(request, context, host, source, entered=not request.plain)
        with engine_of(host, engine.address) as address:
            yield Place(host, source, definition, address, socket, standalone)


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
    return named_lock(context.settings.directories.locks, f"{computer.name}.{request.name}", context.sink)


def _engine(request: BuildRequest, context: GoContext, host: Host) -> FoundEngine:
    """The engine, as its computer knows it."""
    if host.is_local:
        return engine_here(context.settings)
    ready, _ = make_ready(request, context, host, to_build=True)
    return engine_there(ready.facts, context.settings)
