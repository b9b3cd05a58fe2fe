"""`ez env sync`: keep the work of an environment equal on its computer and at home."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.env_home import ToOption
from ez.cli.env_migrate import IncludeOption, home_of, known, show, way_home
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption, QuietOption, VerboseOption
from ez.cli.session import Session, session
from ez.errors import LinkLostError, SourceError

if TYPE_CHECKING:
    from ez.env.migrate.journey import Journey, Migrated

_PAUSE = 1.0
"""Seconds between two looks while nothing happens; after work there is none."""


def sync(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    to: ToOption = None,
    include: IncludeOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring what changed on either side to the other. Example:

    ez env sync thesis --watch

    What both sides changed is named, and kept as it is on both.
    """
    with session("env-sync", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        record = known(run, name, compute)
        place = home_of(record, to)
        with way_home(run, record, place, include) as way:
            if not watch:
                show(run, *_both(way))
        while watch:
            try:
                with way_home(run, record, place, include) as way:
                    _watch(run, way)
            except LinkLostError:
                time.sleep(_PAUSE)


def _both(way: Journey) -> tuple[Migrated, Migrated]:
    """Home first: who works there sees nothing of it."""
    from ez.env.migrate.journey import travel

    return travel(way), travel(way.back)


def _watch(run: Session, way: Journey) -> None:
    """Raises LinkLostError when the connection drops."""
    told: tuple[str, ...] = ()
    while True:
        results = _both(way)
        for result in results:
            if result.conflicts and result.conflicts != told:
                told = result.conflicts
                try:
                    show(run, result)
                except SourceError as error:
                    typer.echo(f"warning: {error.message}", err=True)
            elif result.changed:
                show(run, result)
        if not any(result.changed for result in results):
            time.sleep(_PAUSE)
