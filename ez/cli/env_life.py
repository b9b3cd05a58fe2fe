"""`ez env start` and `ez env stop`."""

from __future__ import annotations

from dataclasses import replace

from ez.cli.access import connect_alone, environment
from ez.cli.keeping import again, end
from ez.cli.options import (
    ComputerOption,
    EnvironmentArgument,
    JsonOption,
    OldComputerOption,
    OldEnvironmentOption,
)
from ez.cli.output import print_json, say
from ez.cli.session import Session, session
from ez.state import EnvironmentRecord


def start(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Start a stopped environment as it is, without looking at the repo."""
    from ez.env import manage

    with session("env-start", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect_alone(run, record) as host:
            manage.start(host, record.name)
        _finish(run, record, "running", f"`{record.name}` runs; enter it: ssh {record.alias}")
        again(run, record.name, record.computer)


def stop(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Stop an environment; its files stay."""
    from ez.env import manage

    with session("env-stop", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect_alone(run, record) as host:
            manage.stop(host, record.name)
        end(run, record.name, record.computer)
        _finish(run, record, "exited", f"`{record.name}` is stopped; start it again: ez env start {record.name}")


def _finish(run: Session, record: EnvironmentRecord, status: str, text: str) -> None:
    record = replace(record, status=status)
    run.state.save_environment(record)
    run.stop_progress()
    if run.json_output:
        print_json(record)
    else:
        say(text)
