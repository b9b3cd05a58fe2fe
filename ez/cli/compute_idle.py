"""`ez compute why` and `ez compute keep`: when a computer stops by itself, why, and how to put that off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect
from ez.cli.options import ComputerArgument, JsonOption, OldComputerOption
from ez.cli.output import clean, print_json, say
from ez.cli.quantities import parse_span, show_moment, show_span
from ez.cli.session import Session, session
from ez.errors import CloudError

if TYPE_CHECKING:
    from ez.compute.idle import Idle
    from ez.models import Computer
    from ez.state import MachineRecord, State

_ACTIONS = {
    "suspend": "its environments stop",
    "poweroff": "it turns itself off",
    "deallocate": "it stops and costs nothing but its disk and address",
}


_STOP_TAKES = 600.0


@dataclass(frozen=True)
class ShownIdle:
    """What `ez compute why --json` prints; `idle` is null for a machine that does not run, `power` its state. `fence`
    is when its cloud's own clock stops it next (Unix seconds), 0 where none does."""

    name: str
    power: str
    idle: Idle | None
    fence: float = 0.0


@dataclass(frozen=True)
class ShownLease:
    """`until` is Unix seconds, 0 without a lease."""

    name: str
    until: float


def why(name: ComputerArgument = None, json_output: JsonOption = False, old_name: OldComputerOption = None) -> None:
    """Tell what keeps a computer awake, when it will stop, and what happens then."""
    from ez.cli.cloud import cloud_context
    from ez.compute.have import have

    with session("compute-why", json_output=json_output) as run:
        chosen = name or old_name or run.settings.text("defaults.computer")
        computer = have(chosen, cloud_context(run), None, start_it=False)
        shown = _shown(run, computer)
        run.stop_progress()
        if json_output:
            print_json(shown)
            return
        for line in _words(shown, run.state.machines.named(computer.name), run.state):
            typer.echo(clean(line))


def _shown(run: Session, computer: Computer) -> ShownIdle:
    """As its watchdog says now; a machine may have stopped by itself since it was last seen."""
    from ez.cli.cloud import cloud_context, machine_of
    from ez.compute.arrive import NOT_RUNNING
    from ez.compute.idle import why as ask
    from ez.compute.kept import RUNS
    from ez.compute.self_stop import checked

    record = machine_of(run, computer)
    if record is None or record.power in RUNS:
        try:
            with connect(run, computer.name) as host:
                idle = ask(host)
        except CloudError as error:
            if error.code != NOT_RUNNING:
                raise
        else:
            record = machine_of(run, computer)
            fenced = record.fenced if record and record.fenced > time.time() else 0.0
            power = record.power if record else "running"
            return ShownIdle(computer.name, power, checked(idle, record, cloud_context(run)), fenced)
        record = machine_of(run, computer)
    return ShownIdle(computer.name, record.power if record else "", None)


def keep(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The computer.")],
    span: Annotated[str, typer.Argument(metavar="TIME", help="From now on: 4h, 2d; 0 for no longer.")] = "4h",
    json_output: JsonOption = False,
) -> None:
    """Keep a computer awake for a while, whatever happens on it; its --ttl does not end before."""
    from ez.cli.cloud import cloud_context, machine_of
    from ez.compute.ensure import ensure
    from ez.compute.idle import keep_awake
    from ez.compute.term import kept_until

    seconds = 0 if span.strip() == "0" else parse_span(span, "TIME")
    with session("compute-keep", json_output=json_output) as run:
        with connect(run, name) as host:
            told = keep_awake(host, seconds)
        until = told if seconds else 0.0
        record = machine_of(run, ensure(name, run.state))
        if record is not None:
            record = kept_until(record, until, cloud_context(run))
        run.stop_progress()
        if json_output:
            print_json(ShownLease(name, until))
            return
        kept = (
            f"stays awake for {show_span(seconds)}, until {show_moment(until)}"
            if seconds
            else "is no longer kept awake"
        )
        say(f"`{name}` {kept}")
        if record is not None and record.expires > until:
            say(f"it is wanted until {show_moment(record.expires)}, and stops then")


def _since(record: MachineRecord | None, state: State) -> str:
    """Since when it is in its power, and of what causes that the index knows."""
    changes = state.machines.changes(record.create_id) if record is not None else ()
    if record is None or not changes:
        return ""
    at = changes[-1].at
    causes = ((record.expires, "the end of its time"), (record.fenced, "its cloud's own clock"))
    why = next((f", by {cause}" for due, cause in causes if 0 <= at - due < _STOP_TAKES), "")
    return f" since {show_moment(at)}{why}"


def _words(shown: ShownIdle, record: MachineRecord | None, state: State) -> list[str]:
    from ez.compute.idle import SIGNALS

    idle = shown.idle
    if idle is None:
        return [f"{shown.name} is {shown.power}{_since(record, state)}; start it: ez compute start {shown.name}"]
    lines = _stops(shown, idle, yields=record is not None and not record.workspace.stop_daily)
    if idle.saved:
        lines.append(f"  before it rested last, work was saved there: {idle.saved}")
    if idle.stops_in is None:
        return lines
    if idle.reasons:
        lines += [f"  {reason}: {SIGNALS.get(reason, reason)}" for reason in idle.reasons]
    else:
        lines.append(f"  nobody has worked there for {show_span(idle.idle_seconds)}")
    if idle.lease:
        lines.append(f"  it is kept awake until {show_moment(idle.lease)}")
    lines.append(f"  without work from now on it stops in {show_span(idle.stops_in)}")
    if idle.failed:
        lines.append(f"  its cloud does not stop it: {idle.failed}")
    if idle.rested:
        lines.append(f"  last time: {idle.rested}")
    return lines


def _stops(shown: ShownIdle, idle: Idle, *, yields: bool) -> list[str]:
    """After what, and at the latest when."""
    lines = [f"{shown.name} never stops {'for want of work' if idle.until or shown.fence else 'by itself'}"]
    if idle.minutes:
        what = _ACTIONS.get(idle.action, idle.action)
        lines = [f"{shown.name} stops after {idle.minutes} minutes without work: {what}"]
    if idle.until:
        longer = f"longer: ez compute keep {shown.name} 4h"
        lines.append(f"  it is wanted until {show_moment(idle.until)}, and stops then whatever runs there; {longer}")
    if shown.fence:
        unless = ", unless work goes on there" if yields and not idle.until else ""
        lines.append(f"  its cloud's own clock stops it at {show_moment(shown.fence)}{unless}")
    return lines
