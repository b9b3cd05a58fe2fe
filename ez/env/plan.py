"""`ez env go --dry-run`: look at everything, change nothing, and say what the line would do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ez.build.definition import Definition
from ez.build.load import load
from ez.compute.ensure import ensure
from ez.compute.facts import Facts
from ez.compute.plan import plan
from ez.env.evaluate import check_early
from ez.env.go import connect, image_reference, look
from ez.env.probe import Probe
from ez.env.request import GoContext, GoRequest
from ez.ssh.host import Host


@dataclass(frozen=True)
class Action:
    """What one step of the line would do, in words."""

    step: str
    action: str


@dataclass(frozen=True)
class GoPlan:
    environment: str
    computer: str
    digest: str
    actions: tuple[Action, ...]


def plan_go(request: GoRequest, context: GoContext) -> GoPlan:
    """Raises what `go` would raise before its first change; the definition of a repo elsewhere stays unknown."""
    check_early(request.repo, request.entry)
    computer = ensure(request.computer, context.state)
    host = connect(computer, context)
    try:
        facts, probe = look(host, request.name)
        missing = plan(facts, context.network)
        definition = _definition(request)
        actions = [Action("connect", f"{computer.name} ({facts.os.name})")]
        steps = ", ".join(step.title for step in missing)
        actions.append(Action("prepare", steps or "nothing to do"))
        actions.append(Action("source", _source(request, facts, host)))
        actions += _rest(request, host, facts.engine.socket, definition, probe, bool(missing))
        return GoPlan(request.name, computer.name, definition.digest if definition else "", tuple(actions))
    finally:
        host.close()


def _definition(request: GoRequest) -> Definition | None:
    if request.repo.path is None:
        return None
    return load(Path(request.repo.path), request.repo.name, entry=request.entry)


def _source(request: GoRequest, facts: Facts, host: Host) -> str:
    if request.repo.url is not None:
        return f"clone or update {request.repo.url} in {facts.home}/ez/{request.name}"
    if host.is_local:
        return f"use {request.repo.path} in place"
    return f"carry {request.repo.path} with its uncommitted work to {facts.home}/ez/{request.name}"


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

        with host.unix_socket(socket) as engine:
            there = find_image(engine, reference) is not None
    replaced = f"replace the container of {request.name}" if current else f"start {request.name}"
    return [Action("build", f"nothing to do, {reference} is there" if there else reference), Action("start", replaced)]
