"""The image of a definition: there already, or found in the team's registry, or built and then given to the team."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.order import Output
from ez.env import share
from ez.env.request import BuildRequest, GoContext
from ez.env.source import Source
from ez.env.steps import build_image, image_reference
from ez.events import Notice, step
from ez.models import Image
from ez.ssh.host import Host


@dataclass(frozen=True)
class Place:
    """Where the line has come to before the image.

    `engine` is the engine as it is reached from here, `socket` a Docker Engine's on its computer, empty for an engine
    that has none there; `standalone` tells that it is a buildkitd, whose images no container starts from.
    """

    host: Host
    source: Source
    definition: Definition
    engine: Address
    socket: str
    standalone: bool = False


def have_image(request: BuildRequest, context: GoContext, place: Place) -> Image:
    """All that is asked for, made of what the engine and the team's registry have. Raises what a build raises."""
    outputs = wanted_outputs(request, place.definition.digest)
    if place.standalone and any(output.kind == "engine" for output in outputs):
        text = "the image stays in the buildkitd, from where no container starts: --push and --output bring it out"
        context.sink(Notice(text, "warning"))
    with step(context.sink, "build", "Build") as report:
        found = _found(request, place, outputs)
        if found is not None:
            made = f"made {found.day}; " if found.day else ""
            report.detail, report.skipped = f"the image is there ({made}--rebuild makes it anew)", True
            return replace(found, built=False)
        shelf = share.ask(request, context, place.engine, place.definition)
        is_own = bool(place.socket) and _is_own(request)
        if is_own and (pulled := share.pull(request, context, place.engine, place.definition, shelf)):
            report.detail = f"found in the team's registry, {_counts(pulled)}"
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
        report.detail = _counts(image)
        if shelf and is_own:
            share.begin(request, context, place.host, place.socket, place.definition, place.source, shelf)
        return image


def wanted_outputs(request: BuildRequest, digest: str) -> tuple[Output, ...]:
    """Everything that is to be made: the image under its own name where the person asked for nothing else."""
    own = "-".join((image_reference(request.name, digest), *(name.replace("/", "-") for name in request.platforms)))
    names = request.tags or (() if request.outputs else (own,))
    return (*(Output("registry" if request.push else "engine", name) for name in names), *request.outputs)


def _found(request: BuildRequest, place: Place, outputs: tuple[Output, ...]) -> Image | None:
    """The image where the engine has all that is asked for already."""
    from ez.build.engine import find_image

    elsewhere = any(output.kind != "engine" or output.attributes for output in outputs)
    if request.rebuild or request.cache_to or request.platforms or request.timestamp is not None or elsewhere:
        return None
    images = [find_image(place.engine, output.target) for output in outputs]
    is_there = all(image is not None and image.digest == place.definition.digest for image in images)
    return images[0] if is_there else None


def _is_own(request: BuildRequest) -> bool:
    """Whether it is the environment's image, made of nothing but its description: that is worth something to others."""
    differs = (request.tags, request.outputs, request.platforms, request.secrets, request.agents, request.cache_to)
    return not (any(differs) or request.plain or request.timestamp is not None)


def _counts(image: Image) -> str:
    return f"ran {image.executed}, cached {image.cached}, {image.pulled / 1e6:.1f} MB pulled"
