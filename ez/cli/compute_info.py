"""`ez compute info`: all about one computer."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from ez.cli.access import connect
from ez.cli.options import ComputerArgument, JsonOption, OldComputerOption
from ez.cli.output import clean, print_json, say
from ez.cli.quantities import show_moment
from ez.cli.session import Session, session
from ez.errors import HostError

if TYPE_CHECKING:
    from ez.compute.facts import Facts
    from ez.compute.listing import Listed


def info(
    name: ComputerArgument = None,
    json_output: JsonOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Show what a computer is: system, engine, disk, memory, GPUs; read from it now. And what its cloud says of it."""
    from ez.cli.cloud import cloud_context, machine_of
    from ez.cli.compute_list import row_of
    from ez.compute.facts import facts
    from ez.compute.have import have
    from ez.compute.idle import why
    from ez.compute.listing import ask_again

    with session("compute-info", json_output=json_output) as run:
        chosen = name or old_name or run.settings.text("defaults.computer")
        cloud = cloud_context(run)
        computer = have(chosen, cloud, None, start_it=False)
        record = machine_of(run, computer)
        machine = None
        if record is not None:
            record = ask_again(record, cloud)
            machine = row_of(computer.name, cloud)
            if not json_output:
                _show(run, _machine_rows(machine))
        found, problem, saved = None, "", ""
        if record is None or record.power == "running":
            try:
                with connect(run, computer.name) as host:
                    found = facts(host)
                    saved = why(host).saved if found.watchdog else ""
            except HostError as error:
                if machine is None:
                    raise
                problem = f"{error.message} ({error.hint})" if error.hint else error.message
        run.stop_progress()
        if json_output:
            told = dataclasses.asdict(found) if found is not None else {}
            about = {"machine": machine} if machine is not None else {}
            more = {key: value for key, value in (("saved", saved), ("problem", problem)) if value}
            print_json({**told, **about, **more})
            return
        rows = _facts_rows(found) if found else []
        _show(run, [*rows, *([("saved", f"before it rested last: {saved}")] if saved else [])])
        if problem:
            say(f"warning: not logged in: {clean(problem)}")


def _show(run: Session, rows: Sequence[tuple[str, str]]) -> None:
    """At once: what is said of the computer itself may take until it has booted."""
    run.stop_progress()
    for label, value in rows:
        typer.echo(f"{label + ':':<11}{clean(value)}")
    sys.stdout.flush()


def _machine_rows(row: Listed) -> list[tuple[str, str]]:
    from ez.compute.sizes.words import money

    paid = f"{money(row.price)} an hour" + (" as spot" if row.spot else "")
    rows = [
        ("machine", f"{row.size} in {row.region} {row.zone}".rstrip() + f" ({row.provider}), {row.power}"),
        ("address", row.address),
        ("price", f"{paid}; {money(row.cost)} so far"),
        ("owner", f"{row.owner} (workspace {row.workspace})"),
    ]
    if row.expires:
        rows.append(("wanted", f"until {show_moment(row.expires)}; it stops then, whatever runs there"))
    if row.fence:
        why = f"by {row.provider}'s own clock (ez compute why {row.name})"
        rows.append(("stops", f"at the latest {show_moment(row.fence)}, {why}"))
    return rows


def _facts_rows(found: Facts) -> list[tuple[str, str]]:
    from ez.compute.nvidia.cards import called

    engine = f"{found.engine.version} ({found.engine.state}, {found.engine.store} image store)"
    names = [called(gpu) for gpu in found.gpus]
    gpus = ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names)) or "none"
    return [
        ("name", found.computer),
        ("system", f"{found.os.name}, kernel {found.kernel}, {found.arch}"),
        ("login", f"{found.user} ({found.uid}), sudo {found.sudo}"),
        ("engine", engine if found.engine.version else found.engine.state),
        *([("buildkitd", found.buildkit.host or found.buildkit.socket)] if found.buildkit.is_there else []),
        ("cpus", str(found.cpus)),
        ("memory", f"{found.memory / 1e9:.1f} GB, {found.memory_available / 1e9:.1f} GB available"),
        ("disk", f"{found.disk.home / 1e9:.1f} GB free for work, {found.disk.images / 1e9:.1f} GB for images"),
        ("gpus", gpus + (f", driver {found.nvidia.driver}" if found.nvidia.driver else "")),
    ]
