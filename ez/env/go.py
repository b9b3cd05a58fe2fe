"""`ez env go`: the one straight line from a repo and a computer to a place to work in.

Each step takes the values of the steps before it and gives a new one. All of them look first and act only on what
is missing, so that killing ez anywhere and running the same line again ends in the same place.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from ez.build.definition import Definition
from ez.build.engines.address import Address
from ez.compute.lock import named_lock
from ez.compute.prepare import Ready
from ez.env import access, container, mounts, share
from ez.env.engine import engine_of
from ez.env.evaluate import check_early
from ez.env.image import Place, have_image
from ez.env.migrate.keeper import have_keeper
from ez.env.need import gives_by_cdi, why_no_cards
from ez.env.probe import Container, Probe
from ez.env.request import BuildRequest, GoContext, GoRequest
from ez.env.shares import binds, check, chosen
from ez.env.shares import home as shares_home
from ez.env.source import Source
from ez.env.steps import (
    bring_source,
    connect,
    define,
    equip,
    find_computer,
    image_reference,
    make_ready,
    refuse_other_repo,
)
from ez.errors import ContainerError, EzError
from ez.events import Notice, step
from ez.models import Access, Image
from ez.ssh.host import Host


@dataclass(frozen=True)
class GoResult:
    """What the person gets: where the work is and how to enter it; `changed` names the steps that did work.

    Of the build's own steps `executed` ran and `cached` were known; `pulled` bytes of layers came from registries.
    """

    environment: str
    computer: str
    access: Access
    tree: str
    image: str
    digest: str
    changed: tuple[str, ...]
    executed: int = 0
    cached: int = 0
    pulled: int = 0


def go(request: GoRequest, context: GoContext) -> GoResult:
    """Walk the whole line. Raises the EzError of the step that failed; running it again goes on from there."""
    check_early(request, context)
    computer = find_computer(request, context)
    with named_lock(context.settings.directories.locks, f"{computer.name}.{request.name}", context.sink):
        refuse_other_repo(request, context, computer)
        share.tell(context, computer.name, request.name)
        host = connect(computer, context)
        try:
            ready, probe = make_ready(request, context, host)
            source = bring_source(request, context, host)
            definition, source = define(request, context, host, source)
            if context.secrets is not None:
                request = replace(request, secrets=context.secrets(source.directory))
            ready, probe = equip(request, context, host, ready, definition, probe)
            image, probe, changed = run(request, context, host, ready, definition, source, probe)
            with step(context.sink, "access", "Publish access"):
                entry = access.publish(request, context, computer, definition, source, probe, image)
            shares_home.serve(context, computer, request.name, chosen.of_container(probe.container))
            return GoResult(
                environment=request.name,
                computer=computer.name,
                access=entry,
                tree=source.checkout.path,
                image=image.reference,
                digest=definition.digest,
                changed=(*(f"prepare.{id}" for id in ready.changed), *changed),
                executed=image.executed,
                cached=image.cached,
                pulled=image.pulled,
            )
        finally:
            host.close()


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
    shares = chosen.combined(request.shares, probe.container, definition.runtime.home)
    shares = binds.on_this_computer(shares) if host.is_local else shares
    check.check_paths(shares, request.name, definition.runtime)
    spec = _specify(request, context, ready, definition, source, reference, probe.container, shares)
    if container.is_current(spec, probe.container) and not request.rebuild:
        if not access.lets_in(context, probe):
            access.prepare_home(request, context, host)
        # An ez that was killed may have left them out.
        container.link_shares(host, spec)
        _say_skipped(context)
        return Image(reference, "", definition.digest, built=False), probe, ()
    if probe.container is not None and probe.container.running and probe.sessions:
        context.confirm(
            f"`{request.name}` changed and has to be replaced; {probe.sessions} open SSH sessions in it end. Go on?"
        )
    check.check_there(host, request.name, spec.shares, ready.facts.home, probe.container, definition.digest)
    _ask_for_mounts(request, context, spec, probe)
    asked = BuildRequest(request.repo, request.computer, request.entry, request.agent, request.rebuild)
    with engine_of(host, Address.unix(ready.socket)) as engine:
        image = have_image(asked, context, Place(host, source, definition, engine, ready.socket))
    earlier = chosen.of_container(probe.container)
    _bring(request, context, host, ready, spec, spec.shares, earlier)
    try:
        with step(context.sink, "start", f"Start {request.name}") as report:
            home = ready.facts.home
            folders = (*mounts.below_home(spec.mounts, home), *binds.made_folders(spec.shares, home))
            access.prepare_home(request, context, host, folders)
            if not host.is_local:
                have_keeper(host)
            probe = container.start(host, spec, image, force=request.rebuild)
            report.detail = ", ".join(
                f"{port.address}:{port.host} -> {port.container}"
                for port in (probe.container.ports if probe.container else ())
            )
    except ContainerError:
        # The container from before is there again, and so are its shares.
        with suppress(EzError):
            _bring(request, context, host, ready, spec, earlier, spec.shares)
        raise
    return image, probe, (*(("build",) if image.built else ()), "start")


def _bring(
    request: GoRequest,
    context: GoContext,
    host: Host,
    ready: Ready,
    spec: container.ContainerSpec,
    shares: chosen.Shares,
    before: chosen.Shares,
) -> None:
    """Have the computer mount the shares, and nothing of those `before` that are others."""
    if any(share.is_mounted for share in (*shares, *before)):
        from ez.env.shares.mounting import bring

        bring(host, ready.facts, request.name, shares, (spec.uid, spec.gid), context.network, context.sink)


def _ask_for_mounts(request: GoRequest, context: GoContext, spec: container.ContainerSpec, probe: Probe) -> None:
    if wanted := mounts.not_agreed(spec.mounts, probe.container):
        listed = ", ".join(f"`{mount.source}` as `{mount.target}`" for mount in wanted)
        context.confirm(f"`{request.name}` wants to read and change files of the computer: {listed}. Go on?")


def _say_skipped(context: GoContext) -> None:
    for id, title, more in (("build", "Build", " (--rebuild makes it anew)"), ("start", "Start", "")):
        with step(context.sink, id, title) as report:
            report.detail, report.skipped = f"it already runs{more}", True


def _specify(
    request: GoRequest,
    context: GoContext,
    ready: Ready,
    definition: Definition,
    source: Source,
    reference: str,
    current: Container | None,
    shares: chosen.Shares,
) -> container.ContainerSpec:
    found = ready.facts
    gpu_present = found.nvidia.works
    if definition.runtime.gpus and not gpu_present:
        what = f"`{request.name}` asks for a GPU and `{found.computer}` has none that works"
        context.sink(Notice(what + why_no_cards(found), "warning"))
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
        cdi=gives_by_cdi(found),
        repo=request.repo.url or request.repo.path or "",
        ref=request.repo.ref or "",
        network=context.network,
        extra=dict(request.variables),
        current=current,
        login_home=found.home,
        secrets=request.secrets,
        shares=shares,
    )
