"""The computer of `ez env go`: started or made in a cloud where it has to be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ez.cli.agree import agree
from ez.cli.compute_create import MachineFlags
from ez.cli.quantities import parse_ttl
from ez.cli.session import Session
from ez.compute.ensure import THIS_COMPUTER, ensure
from ez.errors import CloudError, UsageError
from ez.models import Computer

if TYPE_CHECKING:
    from ez.compute.machine_plan import Wanted
    from ez.env.request import GoContext, GoRequest
    from ez.ssh.host import Host
    from ez.state import MachineRecord


def have_computer(run: Session, request: GoRequest, context: GoContext, flags: MachineFlags, name: str) -> Computer:
    """Found at once where it is this one or a machine of the person's; flags that say how to make one are refused
    then."""
    if not _is_of_cloud(run, name, flags):
        if flags.given and (name in THIS_COMPUTER or run.state.computer(name)):
            raise UsageError(f"`{name}` is there and is not made: no size or price can be chosen", "leave those out")
        return ensure(name, run.state)
    from ez.cli.access import publish_computer
    from ez.cli.cloud import cloud_context
    from ez.cli.compute_create import have_machine
    from ez.compute.have import have
    from ez.compute.term import lasts_until

    cloud = cloud_context(run)
    made: list[MachineRecord] = []

    def create() -> MachineRecord:
        made.append(have_machine(run, _wanted(run, request, context, flags, name), cloud))
        return made[0]

    computer = have(name, cloud, create)
    record = run.state.machines.named(name)
    if flags.ttl and record is not None and not made:
        lasts_until(record, cloud.clock() + parse_ttl(flags.ttl), cloud)
    publish_computer(run, computer)
    return computer


def open_started(run: Session, computer: Computer) -> Host:
    """Connected; a machine that has stopped by itself since it was last seen is started."""
    from ez.cli.access import open_computer, publish_computer

    try:
        return open_computer(run, computer)
    except CloudError as error:
        from ez.compute.arrive import NOT_RUNNING

        if error.code != NOT_RUNNING:
            raise
    from ez.cli.cloud import cloud_context
    from ez.compute.lifecycle import start

    start(computer.name, cloud_context(run))
    started = ensure(computer.name, run.state)
    publish_computer(run, started)
    return open_computer(run, started)


def check_asked(run: Session, name: str, flags: MachineFlags, *, named: bool) -> Session:
    """Before anything costs money: the repo's workspace is accepted where a machine would be made, and a machine of a
    cloud is `named` by the person, unless they accepted what the repo says. Raises UsageError."""
    known = name in THIS_COMPUTER or run.state.computer(name) or run.state.machines.named(name)
    if not known:
        run = agree(run)
    if not named and run.settings.names_computer_unasked and _is_of_cloud(run, name, flags):
        raise UsageError(f"`{name}` costs money, and only the repo's ez.toml names it", f"add `-c {name}`")
    return run


def would_make(run: Session, name: str, flags: MachineFlags) -> bool:
    """Whether the line would make the computer; its cloud is not asked."""
    return _is_of_cloud(run, name, flags) and run.state.machines.named(name) is None


def show_machine_plan(run: Session, request: GoRequest, context: GoContext, flags: MachineFlags) -> None:
    """What would be made, and what it would cost; the definition is evaluated before, where that can be done."""
    from ez.cli.cloud import cloud_context
    from ez.cli.compute_create import planned
    from ez.cli.compute_plan import show_plan

    cloud = cloud_context(run)
    show_plan(run, planned(run, _wanted(run, request, context, flags, request.computer), cloud))


def _is_of_cloud(run: Session, name: str, flags: MachineFlags) -> bool:
    """A machine of a cloud, or a name that nobody has where a cloud is set up."""
    if name in THIS_COMPUTER:
        return False
    if run.state.machines.named(name) is not None:
        return True
    return run.state.computer(name) is None and bool(run.settings.workspace(flags.provider or "").provider)


def _wanted(run: Session, request: GoRequest, context: GoContext, flags: MachineFlags, name: str) -> Wanted:
    """As the flags say; without any, with the cards that the definition asks for, and such that its CUDA runs there."""
    from ez.cli.compute_create import wanted_of
    from ez.compute.sizes.need import Cards
    from ez.env.ahead import look_ahead

    ahead = look_ahead(request, context)
    wanted = wanted_of(name, flags, run.settings.workspace(flags.provider or ""), ahead.cuda)
    if ahead.gpus and wanted.need.is_open:
        wanted = replace(wanted, need=replace(wanted.need, cards=Cards(count=max(1, ahead.gpus))))
    return wanted
