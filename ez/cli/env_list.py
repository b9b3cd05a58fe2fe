"""`ez env ls`: the environments that the index knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from ez.cli.access import connect
from ez.cli.options import (
    ComputerOption,
    JsonOption,
    OldComputerOption,
)
from ez.cli.output import print_json, print_table, say
from ez.cli.session import Session, session
from ez.state import EnvironmentRecord


def ls(
    compute: ComputerOption = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the computers, and bring the index up to date.")
    ] = False,
    json_output: JsonOption = False,
    old_computer: OldComputerOption = None,
) -> None:
    """List environments; at once, from the index."""
    with session("env-ls", json_output=json_output, log=refresh) as run:
        chosen = compute or old_computer
        if refresh:
            from ez.env.refresh import refresh as refresh_index

            refresh_index(run.state, lambda computer: connect(run, computer), chosen, run.sink)
        records = tuple(
            _on_its_machine(run, item) for item in run.state.environments("local" if chosen == "." else chosen)
        )
        run.stop_progress()
        if json_output:
            print_json(records)
        elif records:
            rows = [
                (item.name, item.computer, item.status, item.alias, item.repo_url or item.repo_path) for item in records
            ]
            print_table(("NAME", "COMPUTER", "STATUS", "SSH", "REPO"), rows)
        else:
            say("no environments yet; start one: ez env go <repo>")


def _on_its_machine(run: Session, record: EnvironmentRecord) -> EnvironmentRecord:
    """Nothing runs on a machine of a cloud that is off, whatever its containers were when they were seen last."""
    machine = run.state.machines.named(record.computer)
    is_off = machine is not None and machine.power not in ("running", "starting", "creating")
    return replace(record, status="off") if is_off else record
