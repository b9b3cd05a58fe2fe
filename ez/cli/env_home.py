"""`ez env home`: bring the work of an environment back to this computer."""

from __future__ import annotations

from typing import Annotated

import typer

from ez.cli.env_data import WithDataOption, refuse_data, with_data
from ez.cli.env_migrate import (
    DryRunOption,
    IncludeOption,
    ProgramsOption,
    TakeOption,
    Wishes,
    alone,
    home_of,
    known,
    show,
    way_home,
)
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption, QuietOption, VerboseOption
from ez.cli.session import session

ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="DIR", help="Where to (default: where it came from, or a new directory of its name)."),
]


def home(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    to: ToOption = None,
    include: IncludeOption = None,
    data: WithDataOption = False,
    take: TakeOption = None,
    allow_programs: ProgramsOption = False,
    dry_run: DryRunOption = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring the work of an environment home: commits, branches, stashes, staged and changed files. Example:

    ez env home thesis -c gpu1

    What only one side changed travels; what both changed is named, and kept as it is on both. The environment stays.
    """
    from ez.env.migrate.journey import travel
    from ez.events import step

    with session("env-home", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        record = known(run, name, compute)
        wishes = Wishes(include, dry_run, take, allow_programs)
        with alone(run, record), way_home(run, record, home_of(record, to), wishes) as way:
            with step(run.sink, "home", f"Bring {record.name} home from {record.computer}") as report:
                result = travel(way)
                report.detail, report.skipped = result.words or "nothing new", not result.changed
            if data:
                result = with_data(run, way, result)
            show(run, result)
            refuse_data(result)
