"""The build room's door: a definition becomes an image in an engine, or whatever else is asked for.

Everything asynchronous happens behind `build`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from ez.build.definition import Definition
from ez.build.engine import DIGEST_LABEL, dialect, engine_info, find_image
from ez.build.engines.address import Address
from ez.build.engines.records import EngineInfo
from ez.build.explain.record import Trace
from ez.build.order import Cache, Output
from ez.build.secrets import Secret, SshAgent
from ez.errors import BuildError
from ez.events import Event, Notice, Sink, null_sink
from ez.models import Image, Network

if TYPE_CHECKING:
    from ez.build.buildkit.builder import Built, Order
    from ez.build.buildkit.exports import Export


def build(
    definition: Definition,
    engine: Address,
    reference: str,
    *,
    network: Network = Network(),
    agent_socket: Path | None = None,
    agents: Mapping[str, SshAgent] = MappingProxyType({}),
    secrets: Mapping[str, bytes | Secret] = MappingProxyType({}),
    uploads: Mapping[str, bytes | BinaryIO] = MappingProxyType({}),
    salt: str = "",
    docker_config: Path | None = None,
    outputs: Sequence[Output] = (),
    platforms: Sequence[str] = (),
    cache_from: Sequence[Cache] = (),
    cache_to: Sequence[Cache] = (),
    timestamp: int | None = None,
    trace: Trace | None = None,
    sink: Sink = null_sink,
) -> Image:
    """Build `definition` into `outputs`, by default the image `reference` of the engine at the address `engine`.

    The image carries the label `ez.digest`. `network` reaches every step that has network and nothing of it stays in
    the image; `secrets` and `agents` (by id; `agent_socket` is the agent `default`) reach the steps that mount them.
    `uploads` are contents by the NAME of http sources `http://buildkit-session/NAME`; a stream serves one output. A
    non-empty `salt` makes every step run again, with its cache mounts as they are. Registry credentials come from
    `docker_config`, by default the Docker CLI's own file. Ctrl-C stops the build on the engine.

    `platforms` (`linux/arm64`; none for the engine's own) make one image of several. A cache of `cache_from` that
    cannot be read, and one of `cache_to` that cannot be written, is a warning. `timestamp` (Unix seconds) becomes the
    time of all that is made, where the engine can. `trace` learns what was planned and what happened.

    The outputs are made one after the other; each after the first finds every step known. The Image's `id` is the first
    one's. Raises StepError (a step failed or an image could not be read, with its position), BuildError, EngineError,
    before anything is built for an output that the engine cannot make, and DefinitionError for an image reference or
    a platform that is none.
    """
    from ez.build.buildkit.builder import Order
    from ez.build.buildkit.exports import check_caches, plan_exports

    if timestamp is not None:
        from ez.build.reproducible.check import normalised

        definition = normalised(definition, timestamp)
    wanted = tuple(outputs) or (Output("engine", reference),)
    info = _info(engine, wanted, platforms, cache_to, timestamp)
    check_caches(cache_to, info)
    shared = any(cache.kind == "registry" for cache in (*cache_from, *cache_to))
    exports = plan_exports(wanted, reference, info, platforms=len(platforms), timestamp=timestamp, shared=shared)
    if timestamp is not None and info.store == "graphdriver":
        sink(Notice("this engine's image store (graph driver) keeps the times of files: images will differ", "warning"))
    order = Order(
        definition=definition,
        labels={DIGEST_LABEL: definition.digest},
        network=network,
        agents={**({"default": SshAgent("default", socket=agent_socket)} if agent_socket else {}), **agents},
        secrets=secrets,
        uploads=uploads,
        salt=salt,
        docker_config=docker_config or Path.home() / ".docker" / "config.json",
        platforms=tuple(platforms),
        cache_from=tuple(cache_from),
        cache_to=tuple(cache_to),
        timestamp=timestamp,
        trace=trace,
    )
    first, *others = exports
    built = _make(engine, info, first, order, sink if trace is None else _both(sink, trace))
    order = replace(order, cache_to=tuple(cache for cache in cache_to if cache.kind == "inline"), trace=None)
    for export in others:
        _make(engine, info, export, order, sink)
    return Image(
        reference=wanted[0].target,
        id=built.reply.get("containerimage.digest", ""),
        digest=definition.digest,
        executed=built.executed,
        cached=built.cached,
        pulled=built.pulled,
    )


def _info(
    engine: Address,
    outputs: Iterable[Output],
    platforms: Sequence[str],
    cache_to: Sequence[Cache],
    timestamp: int | None,
) -> EngineInfo:
    """What the engine is; of an image for the engine alone no more than the one question for its dialect tells."""
    plain = all(output.kind == "engine" and not output.attributes for output in outputs)
    if plain and len(platforms) < 2 and not cache_to and timestamp is None:
        kind, direct = dialect(engine)
        return EngineInfo(kind=kind, direct=direct)
    return engine_info(engine)


def _make(engine: Address, info: EngineInfo, export: Export, order: Order, sink: Sink) -> Built:
    """One output: a solve, then what the engine's own API has to do."""
    kept = bool(export.named) and find_image(engine, export.named) is not None
    try:
        built = _solve(engine, info, export, order, sink)
        if export.push:
            push_image(engine, export.push, order.docker_config, sink)
        if export.save is not None:
            from ez.build.buildkit import images

            images.save(engine, export.named, export.save)
    finally:
        if export.named and not kept:
            from ez.build.buildkit import images

            images.untag(engine, export.named)
    return built


def _solve(engine: Address, info: EngineInfo, export: Export, order: Order, sink: Sink) -> Built:
    from ez.build.buildkit.builder import Builder
    from ez.build.buildkit.client import Place
    from ez.build.buildkit.failures import CacheExportError
    from ez.build.running import run

    def attempt(order: Order) -> Built:
        return run(Builder(Place(engine, info.direct), export, order, sink).run())

    try:
        return attempt(order)
    except CacheExportError:
        return attempt(replace(order, cache_to=(), trace=None))
    except BuildError as error:
        # Of two who name the same new image at once, the containerd image store refuses one. Its layers are there now.
        if "already exists" not in error.message:
            raise
        return attempt(replace(order, trace=None))


def _both(sink: Sink, trace: Trace) -> Sink:
    def send(event: Event) -> None:
        sink(event)
        trace(event)

    return send


def push_image(engine: Address, name: str, docker_config: Path, sink: Sink = null_sink) -> None:
    """Push an image that a Docker Engine has by that name, fully qualified, to its registry.

    The engine gets the person's credentials for that registry, for this alone. Raises BuildError, EngineError.
    """
    from ez.build.buildkit import images
    from ez.build.buildkit.session.credentials import find_credentials
    from ez.build.llb.reference import registry_of
    from ez.build.running import run

    images.push(engine, name, run(find_credentials(docker_config, registry_of(name))), sink)
