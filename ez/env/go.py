"""`ez env go`: the one straight line from a repo and a computer to a place to work in.

Each step takes the values of the steps before it and gives a new one. All of them look first and act only on what
is missing, so that killing ez anywhere and running the same line again ends in the same place.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ez.build.definition import Definition
from ez.compute.ensure import ensure
from ez.compute.facts import Facts, facts
from ez.compute.prepare import Ready, prepare
from ez.env import access, container
from ez.env.evaluate import check_early, evaluate, remember, remembered
from ez.env.lock import environment_lock
from ez.env.probe import Container, Probe, parse_probe, script
from ez.env.request import GoContext, GoRequest
from ez.env.source import Source, bring
from ez.errors import EngineError, EzError, UsageError
from ez.events import Notice, step
from ez.models import Access, Computer, Image
from ez.ssh.host import Host

_SIGN_OF_LIFE_SECONDS = 15


@dataclass(frozen=True)
class GoResult:
    """What the person gets: where the work is and how to enter it; `changed` names the steps that did work."""

    environment: str
    computer: str
    access: Access
    tree: str
    image: str
    digest: str
    changed: tuple[str, ...]


def go(request: GoRequest, context: GoContext) -> GoResult:
    """Walk the whole line. Raises the EzError of the step that failed; running it again goes on from there."""
    check_early(request.repo, request.entry)
    computer = ensure(request.computer, context.state)
    with environment_lock(context.settings.directories.locks, f"{computer.name}.{request.name}", context.sink):
        refuse_other_repo(request, context, computer)
        host = connect(computer, context)
        try:
            ready, probe = make_ready(request, context, host)
            source = bring_source(request, context, host)
            definition, source = define(request, context, host, source)
            image, probe, changed = run(request, context, host, ready, definition, source, probe)
            with step(context.sink, "access", "Publish access"):
                entry = access.publish(request, context, computer, definition, source, probe, image)
            return GoResult(
                environment=request.name,
                computer=computer.name,
                access=entry,
                tree=source.checkout.path,
                image=image.reference,
                digest=definition.digest,
                changed=(*(f"prepare.{id}" for id in ready.changed), *changed),
            )
        finally:
            host.close()


def refuse_other_repo(request: GoRequest, context: GoContext, computer: Computer) -> None:
    """Two repos of one name would take each other's environment over. Raises UsageError."""
    known = context.state.environment(request.name, computer.name)
    if known is not None and known.repo and known.repo != (request.repo.url or request.repo.path):
        raise UsageError(
            f"`{request.name}` on `{computer.name}` is the environment of another repo: `{known.repo}`",
            "choose another name with --name, or delete that one: ez env delete " + request.name,
        )


def connect(computer: Computer, context: GoContext) -> Host:
    with step(context.sink, "connect", f"Connect to {computer.name}"):
        return context.connect(computer)


def look(host: Host, environment: str) -> tuple[Facts, Probe]:
    """The computer and the environment on it, in one round trip."""
    found = facts(host, script("probe"), [environment])
    return found, parse_probe(found.extra)


def make_ready(request: GoRequest, context: GoContext, host: Host) -> tuple[Ready, Probe]:
    with step(context.sink, "prepare", f"Prepare {host.name}") as report:
        found, _ = look(host, request.name)
        ready = prepare(
            host, found, context.sink, network=context.network, extra=script("probe"), extra_args=[request.name]
        )
        report.detail = f"{ready.facts.os.name}, Docker {ready.engine}"
        report.skipped = not ready.changed
    if ready.changed and not host.is_local:
        context.ssh.close_master(f"ez-{host.name}")
    return ready, parse_probe(ready.facts.extra)


def bring_source(request: GoRequest, context: GoContext, host: Host) -> Source:
    cache = access.cache_directory(context, host.name, request.name)
    with step(context.sink, "source", f"Bring {request.repo.url or request.repo.path}") as report:
        source = bring(
            host,
            request.repo,
            request.name,
            cache=cache,
            wanted=remembered(cache, request.entry),
            known_hosts=access.git_hosts(request, context),
            network=context.network,
            agent=request.agent,
            sink=context.sink,
        )
        report.detail = ", ".join(part for part in (source.checkout.commit[:12], source.checkout.detail) if part)
    return source


def define(request: GoRequest, context: GoContext, host: Host, source: Source) -> tuple[Definition, Source]:
    with step(context.sink, "define", f"Evaluate {request.entry}") as report:
        definition, source = evaluate(host, source, request.name, request.entry, context.sink)
        remember(source.cache, definition)
        report.detail = definition.digest.removeprefix("sha256:")[:12]
    for warning in definition.warnings:
        context.sink(Notice(warning, "warning"))
    return definition, source


def run(
    request: GoRequest,
    context: GoContext,
    host: Host,
    ready: Ready,
    definition: Definition,
    source: Source,
    probe: Probe,
) -> tuple[Image, Probe, tuple[str, ...]]:
    """Have the image and the container; gives what was done. Nothing, without a round trip, when both are there."""
    reference = image_reference(request.name, definition.digest)
    spec = _specify(request, context, ready, definition, source, reference, probe.container)
    if container.is_current(spec, probe.container) and not request.rebuild:
        if not access.lets_in(context, probe):
            access.prepare_home(request, context, host)
        _say_skipped(context)
        return Image(reference, "", definition.digest, built=False), probe, ()
    if probe.container is not None and probe.container.running and probe.sessions:
        context.confirm(
            f"`{request.name}` changed and has to be replaced; {probe.sessions} open SSH sessions in it end. Go on?"
        )
    image = _have_image(request, context, host, ready, definition, reference)
    with step(context.sink, "start", f"Start {request.name}") as report:
        access.prepare_home(request, context, host)
        probe = container.start(host, spec, image, force=request.rebuild)
        report.detail = ", ".join(
            f"{port.address}:{port.host} -> {port.container}"
            for port in (probe.container.ports if probe.container else ())
        )
    return image, probe, (*(("build",) if image.built else ()), "start")


def image_reference(environment: str, digest: str) -> str:
    return f"ez/{environment}:{digest.removeprefix('sha256:')[:24]}"


def _say_skipped(context: GoContext) -> None:
    for id, title in (("build", "Build"), ("start", "Start")):
        with step(context.sink, id, title) as report:
            report.detail, report.skipped = "it already runs", True


def _specify(
    request: GoRequest,
    context: GoContext,
    ready: Ready,
    definition: Definition,
    source: Source,
    reference: str,
    current: Container | None,
) -> container.ContainerSpec:
    found = ready.facts
    gpu_present = bool(found.nvidia.driver) and (found.nvidia.toolkit or found.nvidia.cdi)
    if definition.runtime.gpus and not gpu_present:
        context.sink(Notice(f"`{request.name}` asks for a GPU and `{found.computer}` has none that works", "warning"))
    if any(container.on_loopback(port) != port for port in definition.runtime.ports):
        context.sink(Notice("ports are published on 127.0.0.1 only, whatever runtime.expose says", "warning"))
    return container.plan_container(
        request.name,
        reference,
        definition.digest,
        definition.runtime,
        tree=source.checkout.path,
        home=f"{found.home}/ez/.ez/{request.name}",
        uid=found.uid,
        gid=found.gid,
        gpu_present=gpu_present,
        repo=request.repo.url or request.repo.path or "",
        ref=request.repo.ref or "",
        network=context.network,
        extra=dict(request.variables),
        current=current,
    )


def _have_image(
    request: GoRequest, context: GoContext, host: Host, ready: Ready, definition: Definition, reference: str
) -> Image:
    from ez.build.engine import find_image
    from ez.build.solve import build

    with step(context.sink, "build", "Build") as report, _engine(host, ready.socket) as engine:
        found = None if request.rebuild else find_image(engine, reference)
        if found is not None and found.digest == definition.digest:
            report.detail, report.skipped = "the image is there", True
            return replace(found, built=False)
        try:
            image = build(
                definition,
                engine,
                reference,
                network=context.network,
                agent_socket=context.settings.agent_socket if request.agent else None,
                docker_config=context.settings.docker_config,
                salt=secrets.token_hex(8) if request.rebuild else "",
                sink=context.sink,
            )
        except EzError as error:
            error.hint = error.hint or f"ez doctor {host.name}"
            raise
        report.detail = reference
        return image


@contextmanager
def _engine(host: Host, socket: str) -> Iterator[Path]:
    """The engine's socket. Where it is lost because the computer is, that is what is raised."""
    try:
        with host.unix_socket(socket) as engine:
            yield engine
    except EngineError:
        if not host.is_local:
            host.run(["true"], timeout=_SIGN_OF_LIFE_SECONDS)
        raise
