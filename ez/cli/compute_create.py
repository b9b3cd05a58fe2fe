"""`ez compute create`, and the same for `ez env go` with a name that nobody has: a plan with its price, a question, and
the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.agree import agree
from ez.cli.compute_sizes import (
    CpusOption,
    DiskOption,
    GpuOption,
    MaxPriceOption,
    MemoryOption,
    ProviderOption,
    RegionOption,
    SizeOption,
    SpotOption,
)
from ez.cli.options import JsonOption, QuietOption, VerboseOption, YesOption
from ez.cli.output import print_json, say
from ez.cli.quantities import parse_idle, parse_ttl, show_span
from ez.cli.session import Session, confirm, is_interactive, require_answer, session
from ez.errors import EzError

if TYPE_CHECKING:
    from ez.compute.context import CloudContext
    from ez.compute.machine_plan import Plan, Wanted
    from ez.compute.need import GpuNeed
    from ez.models import Workspace
    from ez.state import MachineRecord

ImageOption = Annotated[
    str | None, typer.Option("--image", metavar="IMAGE", help="An image as its cloud names it (default: Ubuntu).")
]
IdleOption = Annotated[
    str | None,
    typer.Option("--idle-stop", metavar="TIME", help="Stop after so long without work: 30m, 2h, never (default: 30m)."),
]
TtlOption = Annotated[
    str | None,
    typer.Option(
        "--ttl", metavar="TIME", help="After so long it stops, whatever runs there, and `gc` offers it: 8h, 7d."
    ),
]
PrivateOption = Annotated[
    bool | None, typer.Option("--private/--public", help="Without a public address, through a jump host.")
]


@dataclass(frozen=True)
class MachineFlags:
    """What a command line says of a machine that is to be made; None and empty where it says nothing."""

    cpus: int | None = None
    memory: str | None = None
    gpu: str | None = None
    size: str | None = None
    provider: str | None = None
    regions: tuple[str, ...] = ()
    spot: bool = False
    max_price: float | None = None
    disk: str | None = None
    image: str | None = None
    idle_stop: str | None = None
    ttl: str | None = None
    private: bool | None = None

    @property
    def given(self) -> bool:
        return self != MachineFlags()


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    provider: ProviderOption = None,
    cpus: CpusOption = None,
    memory: MemoryOption = None,
    gpu: GpuOption = None,
    size: SizeOption = None,
    region: RegionOption = None,
    spot: SpotOption = False,
    max_price: MaxPriceOption = None,
    disk: DiskOption = None,
    image: ImageOption = None,
    idle_stop: IdleOption = None,
    ttl: TtlOption = None,
    private: PrivateOption = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and its price, and stop.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a machine in a cloud, by what it needs: its plan and price are shown before, and it stops when idle."""
    from ez.cli.cloud import cloud_context
    from ez.cli.compute_list import row_of
    from ez.cli.compute_plan import show_plan
    from ez.compute.have import ON_ITS_WAY

    flags = MachineFlags(
        cpus, memory, gpu, size, provider, tuple(region or ()), spot, max_price, disk, image, idle_stop, ttl, private
    )
    with session("compute-create", json_output=json_output, quiet=quiet, verbose=verbose, yes=yes) as run:
        run = agree(run)
        cloud = cloud_context(run)
        wanted = wanted_of(name, flags, cloud.workspace(provider or ""))
        if dry_run:
            show_plan(run, planned(run, wanted, cloud))
            return
        record = have_machine(run, wanted, cloud)
        settle_in(run, record)
        run.stop_progress()
        row = row_of(name, cloud)
        if json_output:
            print_json(row)
        elif row.power in ON_ITS_WAY:
            say(f"`{name}` runs; use it: ez env go <repo> -c {name}, or: ez compute ssh {name}")
        else:
            say(f"start it: ez compute start {name}, or: ez env go <repo> -c {name}")


def wanted_of(name: str, flags: MachineFlags, workspace: Workspace, cuda: GpuNeed | None = None) -> Wanted:
    """Raises UsageError, which names the option, for a value that cannot be used."""
    from ez.compute.machine_plan import Wanted
    from ez.compute.sizes.need import parse_need

    need = parse_need(
        cpus=flags.cpus,
        memory=flags.memory,
        gpu=flags.gpu,
        disk=flags.disk,
        spot=flags.spot,
        max_price=flags.max_price,
        regions=flags.regions,
        size=flags.size,
        provider=flags.provider,
        cuda=cuda,
    )
    return Wanted(
        name,
        need,
        image=flags.image or "",
        idle_minutes=workspace.idle_minutes if flags.idle_stop is None else parse_idle(flags.idle_stop),
        seconds=parse_ttl(flags.ttl) if flags.ttl is not None else 0,
        private=workspace.private if flags.private is None else flags.private,
    )


def have_machine(run: Session, wanted: Wanted, cloud: CloudContext) -> MachineRecord:
    """The machine of that name; made after its plan was agreed to where there is none yet."""
    from ez.cli.cloud import offer_key
    from ez.cli.compute_plan import show_plan
    from ez.compute.create import already, make
    from ez.compute.term import lasts_until

    found = already(wanted, cloud)
    if found is not None:
        if wanted.seconds:
            found = lasts_until(found, cloud.clock() + wanted.seconds, cloud)
        run.stop_progress()
        until = f", wanted for {show_span(wanted.seconds)} from now on" if wanted.seconds else ""
        say(f"`{wanted.name}` is there already: {found.size} in {found.region}, {found.power}{until}")
        return found
    if not run.yes:
        require_answer(f"create `{wanted.name}`, which costs money?")
    offer_key(run)
    plan = planned(run, wanted, cloud)
    show_plan(run, plan, aside=True)
    confirm(f"create `{wanted.name}`?", yes=run.yes)
    return make(plan, cloud).record


def planned(run: Session, wanted: Wanted, cloud: CloudContext) -> Plan:
    """With a menu of what fits where nothing is said of the size and somebody is there to choose."""
    from ez.cli.compute_sizes import pick
    from ez.compute.machine_plan import plan, sizes_for

    choice = sizes_for(wanted, cloud)
    if wanted.need.is_open and not run.yes and is_interactive() and choice.ranked:
        run.stop_progress()
        offer = pick(choice)
    else:
        offer = choice.best
    return plan(wanted, choice, offer, cloud)


def settle_in(run: Session, record: MachineRecord) -> None:
    """Log in for the first time, have the machine stop by itself when idle, and publish its alias."""
    from ez.cli.access import open_computer, publish_computer
    from ez.compute.ensure import ensure
    from ez.compute.facts import facts
    from ez.compute.have import ON_ITS_WAY
    from ez.compute.need import Need
    from ez.compute.prepare import prepare
    from ez.env.need import idle_of
    from ez.events import step

    if record.power not in ON_ITS_WAY:
        return
    computer = ensure(record.name, run.state)
    with _still_paid(run, record), step(run.sink, "login", f"Log in to {record.name}") as report:
        host = open_computer(run, computer)
        try:
            idle = idle_of(run.settings, run.state, record.name)
            ready = prepare(
                host, facts(host), run.sink, need=Need(run.settings.network(), engine=False, git=False, idle=idle)
            )
        finally:
            host.close()
        report.detail = ready.facts.os.name
    publish_computer(run, ensure(record.name, run.state))


@contextmanager
def _still_paid(run: Session, record: MachineRecord) -> Iterator[None]:
    """Whoever cannot log in, or does not wait for it, is told that the machine runs all the same."""
    try:
        yield
    except (EzError, KeyboardInterrupt):
        run.stop_progress()
        idle = f"; it stops after {show_span(60 * record.idle_minutes)} without work" if record.idle_minutes else ""
        say(f"`{record.name}` runs and costs money{idle}; to be rid of it: ez compute delete {record.name}")
        raise
