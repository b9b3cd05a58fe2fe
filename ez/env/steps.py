"""What every walk along the straight line has in common: computer, engine, repo, definition."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.order import Cache, Output
from ez.compute.ensure import ensure
from ez.env.engine import buildkitd_there
from ez.env.evaluate import evaluate, remember, remembered
from ez.env.kept import cache_directory, history_path
from ez.env.request import GoContext, Request
from ez.env.source import Source, bring
from ez.errors import EzError, UsageError
from ez.events import Notice, step
from ez.models import Computer, Image
from ez.ssh.host import Host

if TYPE_CHECKING:
    from ez.build.explain.record import Build
    from ez.build.secrets import Secret, SshAgent
    from ez.compute.facts import Facts
    from ez.compute.prepare import Ready
    from ez.env.probe import Probe

_MAKING = ("run", "files", "merge", "diff")


def refuse_other_repo(request: Request, context: GoContext, computer: Computer) -> None:
    """Two repos of one name would take each other's environment over. Raises UsageError."""
    known = context.state.environment(request.name, computer.name)
    if known is not None and known.repo and known.repo != (request.repo.url or request.repo.path):
        raise UsageError(
            f"`{request.name}` on `{computer.name}` is the environment of another repo: `{known.repo}`",
            "choose another name with --name, or delete that one: ez env delete " + request.name,
        )


def find_computer(request: Request, context: GoContext) -> Computer:
    """One that a cloud has for this person is started or made, where the context can do that."""
    return context.have(request.computer) if context.have else ensure(request.computer, context.state)


def connect(computer: Computer, context: GoContext) -> Host:
    with step(context.sink, "connect", f"Connect to {computer.name}"):
        return context.connect(computer)


def look(host: Host, environment: str) -> tuple[Facts, Probe]:
    """The computer and the environment on it, in one round trip."""
    from ez.compute.facts import facts
    from ez.env.probe import parse_probe, script

    found = facts(host, script("probe"), [environment])
    return found, parse_probe(found.extra)


def make_ready(request: Request, context: GoContext, host: Host, *, to_build: bool = False) -> tuple[Ready, Probe]:
    """With a Docker Engine, except `to_build` where a buildkitd does that."""
    from ez.compute.need import Need
    from ez.compute.prepare import prepare
    from ez.env.migrate.looks import tell_kept
    from ez.env.need import idle_of
    from ez.env.probe import parse_probe, script

    with step(context.sink, "prepare", f"Prepare {host.name}") as report:
        found, _ = look(host, request.name)
        standalone = buildkitd_there(found, context.settings) if to_build else None
        idle = None if to_build or host.is_local else idle_of(context.settings, context.state, host.name)
        ready = prepare(
            host,
            found,
            context.sink,
            need=Need(context.network, engine=standalone is None, idle=idle),
            extra=script("probe"),
            extra_args=[request.name],
        )
        report.detail = f"{ready.facts.os.name}, {standalone.name if standalone else f'Docker {ready.engine}'}"
        report.skipped = not ready.changed
    if ready.changed and not host.is_local:
        context.ssh().close_master(f"ez-{host.name}")
    probe = parse_probe(ready.facts.extra)
    tell_kept(context, host.name, probe.saved)
    return ready, probe


def equip(
    request: Request, context: GoContext, host: Host, ready: Ready, definition: Definition, probe: Probe
) -> tuple[Ready, Probe]:
    """Make the computer's cards usable where the definition asks for them; no round trip where they are.

    A driver is never installed on this computer without being asked for: `ez compute prepare --gpu` does.
    """
    from ez.compute.need import Need
    from ez.compute.plan import plan
    from ez.compute.prepare import prepare
    from ez.env.need import gpu_need
    from ez.env.probe import parse_probe, script

    gpu = gpu_need(definition)
    if gpu is None or (host.is_local and not ready.facts.nvidia.source):
        return ready, probe
    need = Need(context.network, gpu=gpu)
    if not plan(ready.facts, need):
        return ready, probe
    with step(context.sink, "cards", f"Make the cards of {host.name} usable") as report:
        equipped = prepare(host, ready.facts, context.sink, need=need, extra=script("probe"), extra_args=[request.name])
        report.detail = f"driver {equipped.facts.nvidia.driver}"
    if equipped.changed and not host.is_local:
        context.ssh().close_master(f"ez-{host.name}")
    changed = (*ready.changed, *equipped.changed)
    return replace(equipped, changed=changed), parse_probe(equipped.facts.extra)


def bring_source(request: Request, context: GoContext, host: Host) -> Source:
    cache = cache_directory(context.settings, host.name, request.repo)
    from ez.env.migrate.journey import again_by

    known_hosts = ""
    if request.repo.url is not None or not host.is_local:
        from ez.env.access import git_hosts

        known_hosts = git_hosts(request, context)
    with step(context.sink, "source", f"Bring {request.repo.url or request.repo.path}") as report:
        moved = context.migrate(host) if context.migrate else None
        source = bring(
            host,
            request.repo,
            request.name,
            cache=cache,
            wanted=remembered(cache, request.entry),
            known_hosts=known_hosts,
            network=context.network,
            agent=request.agent,
            sink=context.sink,
            again=again_by(request, context, host, moved),
        )
        report.detail = ", ".join(part for part in (source.checkout.commit[:12], source.checkout.detail) if part)
    return source


def define(
    request: Request, context: GoContext, host: Host, source: Source, *, entered: bool = True
) -> tuple[Definition, Source]:
    """`entered` for an image that can be entered by SSH even where the build file asks for a plain one."""
    with step(context.sink, "define", f"Evaluate {request.entry}") as report:
        definition, source = evaluate(host, source, request, context, access=entered)
        if source.fetched is not None:
            remember(source.cache, definition)
        report.detail = definition.digest.removeprefix("sha256:")[:12]
    for warning in definition.warnings:
        context.sink(Notice(warning, "warning"))
    return definition, source


def image_reference(environment: str, digest: str) -> str:
    return f"ez/{environment}:{digest.removeprefix('sha256:')[:24]}"


def build_image(
    request: Request,
    context: GoContext,
    host: Host,
    definition: Definition,
    engine: Address,
    *,
    outputs: Sequence[Output] = (),
    platforms: Sequence[str] = (),
    cache_from: Sequence[Cache] = (),
    cache_to: Sequence[Cache] = (),
    secrets: Mapping[str, Secret] = MappingProxyType({}),
    agents: Mapping[str, SshAgent] = MappingProxyType({}),
    timestamp: int | None = None,
    recorded: bool = True,
) -> Image:
    """Have the engine build it, under the environment's name without `outputs`, and write down how that went.

    The Image's counts are those of the record, so that `ez build explain` tells the same. One that is not `recorded`
    says nothing of how the environment was built.
    """
    from ez.build.explain.record import CACHED, RAN, Trace
    from ez.build.explain.record import remember as remember_build
    from ez.build.reproducible.check import normalised
    from ez.build.solve import build

    settings, trace = context.settings, Trace()
    image = None
    try:
        image = build(
            definition if timestamp is None else normalised(definition, timestamp),
            engine,
            image_reference(request.name, definition.digest),
            network=context.network,
            agent_socket=settings.agent_socket if request.agent else None,
            agents=agents,
            secrets=secrets,
            salt=os.urandom(8).hex() if request.rebuild else "",
            docker_config=settings.docker_config,
            outputs=outputs,
            platforms=platforms,
            cache_from=cache_from,
            cache_to=cache_to,
            timestamp=timestamp,
            trace=trace,
            sink=context.sink,
        )
    except EzError as error:
        error.hint = error.hint or f"ez doctor {host.name}"
        raise
    finally:
        if recorded:
            path = history_path(settings, host.name, request.repo)
            record = remember_build(path, definition, trace, failed=image is None, rebuilt=request.rebuild)
    if not recorded:
        return image
    executed, cached = (count_steps(record, outcome) for outcome in (RAN, CACHED))
    return replace(image, executed=executed, cached=cached)


def count_steps(record: Build, outcome: str) -> int:
    """How many steps ended so, of those that make something: not of sources, and not the engine's own."""
    return sum(step.outcome == outcome and step.kind in _MAKING for step in record.steps)
