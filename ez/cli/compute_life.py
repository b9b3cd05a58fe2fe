"""`ez compute start`, `stop`, `restart` and `resize`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import publish_computer
from ez.cli.cloud import ForceOption, named
from ez.cli.compute_sizes import CpusOption, GpuOption, MaxPriceOption, MemoryOption, SizeOption
from ez.cli.endpoint import ssh_config
from ez.cli.options import ComputerArgument, JsonOption, OldComputerOption, QuietOption, VerboseOption, YesOption
from ez.cli.output import clean, print_json, say
from ez.cli.saving import SkipOption, save_before
from ez.cli.session import Session, confirm, require_answer, session

if TYPE_CHECKING:
    from ez.env.migrate.saving import Saved
    from ez.state import MachineRecord


def start(
    name: ComputerArgument = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Start a machine of a cloud, and let your present address in."""
    from ez.compute.lifecycle import start as act
    from ez.compute.sizes.words import money

    def words(record: MachineRecord) -> str:
        is_over = 0 < record.expires < time.time()
        more = f"; its time is over, for more: ez compute keep {record.name} 4h" if is_over else ""
        return f"`{record.name}` runs, for {money(record.price)} an hour{more}"

    _change("start", act, named(name or old_name), words, force, json_output, quiet, verbose)


def stop(
    name: ComputerArgument = None,
    force: SkipOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Stop a machine of a cloud, so that only its disk and its address cost something."""
    from ez.compute.lifecycle import stop as act
    from ez.compute.sizes.words import money
    from ez.compute.spent import kept_monthly
    from ez.providers.catalogue import keeps_address

    def words(record: MachineRecord) -> str:
        has_address = keeps_address(record.provider) and not record.private
        kept = "its disk and its address still cost" if has_address else "its disk still costs"
        return f"`{record.name}` is stopped; {kept} {money(kept_monthly(record))} a month"

    _change("stop", act, named(name or old_name), words, force, json_output, quiet, verbose)


def restart(
    name: ComputerArgument = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Restart a machine of a cloud."""
    from ez.compute.lifecycle import restart as act

    def words(record: MachineRecord) -> str:
        return f"`{record.name}` runs again"

    _change("restart", act, named(name or old_name), words, force, json_output, quiet, verbose)


def resize(
    name: ComputerArgument = None,
    cpus: CpusOption = None,
    memory: MemoryOption = None,
    gpu: GpuOption = None,
    size: SizeOption = None,
    max_price: MaxPriceOption = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and its price, and stop.")] = False,
    force: ForceOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Give a machine of a cloud another size, in its region; it is off for some minutes."""
    from ez.cli.cloud import agreed, cloud_context
    from ez.cli.compute_create import MachineFlags, wanted_of
    from ez.cli.compute_sizes import pick, quote_rows
    from ez.compute.lifecycle import find_machine
    from ez.compute.lifecycle import resize as resize_machine
    from ez.compute.machine_plan import refusals_in
    from ez.compute.sizes.choose import choose
    from ez.compute.sizes.quote import quote
    from ez.compute.sizes.words import money

    chosen = named(name)
    with session("compute-resize", json_output=json_output, quiet=quiet, verbose=verbose, yes=yes) as run:
        cloud = cloud_context(run)
        forced = agreed(chosen, "resize", force, cloud)
        record = find_machine(chosen, cloud)
        flags = MachineFlags(
            cpus, memory, gpu, size, record.provider, (record.region,), record.spot, max_price, str(record.disk or 128)
        )
        wanted = wanted_of(chosen, flags, record.workspace)
        if not (yes or dry_run):
            require_answer(f"resize `{chosen}`, which changes what it costs?")
        refusals = refusals_in(record.workspace, cloud)
        choice = choose(wanted.need, cloud.offers(record.provider), refusals, now=cloud.clock())
        offer = pick(choice) if wanted.need.is_open and not yes else choice.best
        run.stop_progress()
        cost = quote(offer, disk=record.disk, spot=record.spot, private=record.private)
        before = f"{record.size} at {money(record.price)} an hour"
        for label, value in [("now", before), *quote_rows(cost)]:
            say(f"{label + ':':<15}{clean(value)}")
        if dry_run:
            if json_output:
                print_json(cost)
            return
        if offer.size.name.lower() == record.size.lower():
            _show(run, record, f"`{chosen}` is of that size already")
            return
        confirm(f"give `{chosen}` this size instead of {before}? It is off for some minutes", yes=yes)
        record = resize_machine(chosen, offer, cloud, force=forced)
        ssh_config(run).close_master(f"ez-{chosen}")
        now = f"{record.size} for {money(record.price)} an hour, {record.power}"
        _show(run, record, f"`{chosen}` is changed: {now}")


def _change(
    verb: str,
    act: Callable[..., MachineRecord],
    name: str,
    words: Callable[[MachineRecord], str],
    force: bool,
    json_output: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """What start, stop and restart have in common: `act` is the one of `ez.compute.lifecycle`."""
    from ez.cli.cloud import agreed, cloud_context

    with session(f"compute-{verb}", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        cloud = cloud_context(run)
        saved = save_before(run, name, verb) if verb == "stop" and not force else ()
        record = act(name, cloud, force=agreed(name, verb, force, cloud))
        ssh_config(run).close_master(f"ez-{name}")
        known = run.state.computer(name)
        if known is not None and verb != "stop":
            publish_computer(run, known)
        _show(run, record, words(record), saved)


def _show(run: Session, record: MachineRecord, sentence: str, saved: tuple[Saved, ...] = ()) -> None:
    from ez.cli.cloud import cloud_context
    from ez.cli.compute_list import row_of

    run.stop_progress()
    if not run.json_output:
        say(sentence)
    elif run.state.machines.named(record.name) is not None:
        row = asdict(row_of(record.name, cloud_context(run)))
        print_json({**row, "saved": saved} if saved else row)
    else:
        print_json({"name": record.name, "power": record.power, "size": record.size, "region": record.region})
