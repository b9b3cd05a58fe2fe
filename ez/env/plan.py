"""`--dry-run`: look at everything, change nothing, and say what the line would do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.build.engines.discover import FoundEngine
from ez.build.explain.reasons import SENT, foresee
from ez.build.explain.record import read_history
from ez.compute.ensure import ensure
from ez.compute.facts import Facts
from ez.compute.need import GpuNeed, Need
from ez.compute.plan import plan
from ez.env.engine import buildkitd_there, engine_here, engine_of
from ez.env.evaluate import check_early, load_here
from ez.env.image import wanted_outputs
from ez.env.kept import history_path
from ez.env.need import gpu_need, idle_of
from ez.env.probe import Probe
from ez.env.request import BuildRequest, GoContext, GoRequest, Request
from ez.env.shares import binds, check, chosen
from ez.env.steps import connect, image_reference, look
from ez.models import Runtime
from ez.ssh.host import Host

_WORDS = {"engine": "make the image", "registry": "push", "local": "write files to"}


@dataclass(frozen=True)
class Action:
    """What one step of the line would do, in words."""

    step: str
    action: str


@dataclass(frozen=True)
class Plan:
    environment: str
    computer: str
    digest: str
    actions: tuple[Action, ...]


def plan_go(request: GoRequest, context: GoContext) -> Plan:
    """Raises what `go` would raise before its first change; the definition of a repo elsewhere stays unknown."""
    check_early(request, context)
    computer = ensure(request.computer, context.state)
    host = connect(computer, context)
    try:
        facts, probe = look(host, request.name)
        definition = _definition(request, context)
        idle = None if host.is_local else idle_of(context.settings, context.state, host.name)
        missing = plan(facts, Need(context.network, gpu=_gpu(definition, host, facts), idle=idle))
        actions = [Action("connect", f"{computer.name} ({facts.os.name})")]
        steps = ", ".join(step.title for step in missing)
        actions.append(Action("prepare", steps or "nothing to do"))
        actions.append(Action("source", _source(request, facts.home, host)))
        actions += _shares(request, host, definition, probe, facts.home)
        actions += _rest(request, host, facts.engine.socket, definition, probe, bool(missing))
        return Plan(request.name, computer.name, definition.digest if definition else "", tuple(actions))
    finally:
        host.close()


def _shares(request: GoRequest, host: Host, definition: Definition | None, probe: Probe, home: str) -> Iterator[Action]:
    """One for each; raises UsageError where one is refused."""
    runtime = Runtime() if definition is None else definition.runtime
    shares = chosen.combined(request.shares, probe.container, runtime.home)
    shares = binds.on_this_computer(shares) if host.is_local else shares
    check.check_paths(shares, request.name, runtime)
    digest = definition.digest if definition else ""
    check.check_there(host, request.name, shares, home, probe.container, digest)
    for share in shares:
        yield Action("share", f"{share.text} at {share.target}" + (", only to be read" if share.read_only else ""))


def plan_build(request: BuildRequest, context: GoContext) -> Plan:
    """The same for `ez build`. On this computer nothing is prepared, and the engine is not asked."""
    computer = ensure(request.computer, context.state)
    definition = _definition(request, context, access=not request.plain)
    host = connect(computer, context)
    try:
        actions = []
        if host.is_local:
            actions.append(_engine(engine_here(context.settings)))
            actions.append(Action("source", _source(request, str(context.settings.directories.home), host)))
        else:
            facts, _ = look(host, request.name)
            standalone = buildkitd_there(facts, context.settings)
            steps = ", ".join(step.title for step in plan(facts, Need(context.network, engine=standalone is None)))
            actions += [
                Action("connect", f"{computer.name} ({facts.os.name})"),
                Action("prepare", steps or "nothing to do"),
            ]
            if standalone is not None:
                actions.append(_engine(standalone))
            actions.append(Action("source", _source(request, facts.home, host)))
        digest = definition.digest if definition else ""
        actions += [Action("build", text) for text in _builds(request, context, computer.name, definition)]
        return Plan(request.name, computer.name, digest, tuple(actions))
    finally:
        host.close()


def _gpu(definition: Definition | None, host: Host, facts: Facts) -> GpuNeed | None:
    is_left_alone = host.is_local and not facts.nvidia.source
    return None if definition is None or is_left_alone else gpu_need(definition)


def _engine(found: FoundEngine) -> Action:
    return Action("engine", f"{found.name} at {found.address} ({found.rule})")


def _builds(request: BuildRequest, context: GoContext, computer: str, definition: Definition | None) -> Iterator[str]:
    """The results, and the steps that would run as far as the last build tells."""
    if definition is None:
        yield f"what {request.entry} of the repo describes"
        return
    for output in wanted_outputs(request, definition.digest):
        yield f"{_WORDS.get(output.kind, f'write a {output.kind} export to')} {output.target}"
    foreseen = foresee(read_history(history_path(context.settings, computer, request.repo)), definition)
    if foreseen is not None and not request.rebuild:
        ran = [foreseen.build.steps[reason.step].label for reason in foreseen.reasons if reason.kind != SENT]
        steps = "1 step" if len(ran) == 1 else f"{len(ran)} steps"
        yield f"run {steps}, as far as the last build tells" + (f": {', '.join(ran)}" if ran else "")


def _definition(request: Request, context: GoContext, *, access: bool = True) -> Definition | None:
    if request.repo.path is None:
        return None
    return load_here(request, context, access=access)


def _source(request: Request, home: str, host: Host) -> str:
    if request.repo.url is not None:
        return f"clone or update {request.repo.url} in {home}/ez/{request.name}"
    if host.is_local:
        return f"use {request.repo.path} in place"
    return f"carry {request.repo.path} with its uncommitted work to {home}/ez/{request.name}"


def _rest(
    request: GoRequest, host: Host, socket: str, definition: Definition | None, probe: Probe, is_bare: bool
) -> list[Action]:
    if definition is None:
        return [Action("build", f"what {request.entry} of the repo describes"), Action("start", request.name)]
    current = probe.container
    if current is not None and current.running and current.digest == definition.digest and not request.rebuild:
        return [Action("build", "nothing to do"), Action("start", "nothing to do, unless its flags changed")]
    reference = image_reference(request.name, definition.digest)
    there = False
    if not is_bare and not request.rebuild:
        from ez.build.engine import find_image

        with engine_of(host, Address.unix(socket)) as engine:
            there = find_image(engine, reference) is not None
    replaced = f"replace the container of {request.name}" if current else f"start {request.name}"
    mounted = [f"{mount.source} at {mount.target}" for mount in definition.runtime.mounts if not mount.managed]
    replaced += f", with the computer's {', '.join(mounted)}" if mounted else ""
    return [Action("build", f"nothing to do, {reference} is there" if there else reference), Action("start", replaced)]
