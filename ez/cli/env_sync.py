"""`ez env sync`: keep the work of an environment equal on its computer and at home."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.env_home import ToOption
from ez.cli.env_migrate import IncludeOption, ProgramsOption, TakeOption, Wishes, alone, home_of, known, show, way_home
from ez.cli.options import ComputerOption, EnvironmentArgument, JsonOption, QuietOption, VerboseOption
from ez.cli.output import print_json
from ez.cli.session import Session, session
from ez.errors import BusyError, EzError, HostUnreachableError, LinkLostError, SourceError
from ez.events import Notice
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.migrate.journey import Journey, Migrated

_PAUSE = 1.0
"""Seconds between two looks while nothing happens; after work there is none."""

_SHARE = 4
"""The pause is at least so many times as long as a look takes, so that watching costs a fifth of a core at most."""

_LONGEST = 30.0


def sync(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    to: ToOption = None,
    include: IncludeOption = None,
    take: TakeOption = None,
    allow_programs: ProgramsOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring what changed on either side to the other. Example:

    ez env sync thesis --watch

    What both sides changed is named, and kept as it is on both. While it watches, other commands go on.
    """
    with session("env-sync", json_output=json_output, quiet=quiet, verbose=verbose) as run:
        record = known(run, name, compute)
        place = home_of(record, to)
        wishes = Wishes(include, take=take, programs=allow_programs)
        if not watch:
            with alone(run, record), way_home(run, record, place, wishes) as way:
                show(run, *_both(way))
        else:
            _watch_on(run, record, place, wishes)


def _watch_on(run: Session, record: EnvironmentRecord, place: Path, wishes: Wishes) -> None:
    """Until Ctrl-C, through dropped connections. Raises EzError where it cannot begin, or the environment is gone."""
    told: set[str] = set()
    began, pauses = False, _pauses()
    while True:
        try:
            with way_home(run, record, place, wishes) as way:
                began, pauses = True, _pauses()
                _watch(run, record, way, told)
        except (LinkLostError, HostUnreachableError) as error:
            if not began:
                raise
            run.sink(Notice(f"{error.message}; trying again until Ctrl-C", "warning"))
            time.sleep(next(pauses))


def _pauses() -> Iterator[float]:
    pause = _PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)


def _both(way: Journey) -> tuple[Migrated, Migrated]:
    """Home first: who works there sees nothing of it."""
    from ez.env.migrate.journey import travel

    return travel(way), travel(way.back)


def _watch(run: Session, record: EnvironmentRecord, way: Journey, told: set[str]) -> None:
    """Raises LinkLostError when the connection drops. What was `told` as a warning is told once while it lasts."""
    while True:
        if run.state.environment(record.name, record.computer) is None:
            raise EzError(f"the environment `{record.name}` is no longer on `{record.computer}`", "ez env ls")
        started = time.monotonic()
        changed, warnings = False, set[str]()
        try:
            with alone(run, record):
                results = _both(way)
            changed = any(result.changed for result in results)
            for result in results:
                warnings |= _tell(run, result, told)
        except LinkLostError:
            raise
        except (SourceError, BusyError) as error:
            warnings.add(error.message)
        for warning in sorted(warnings - told):
            run.sink(Notice(warning, "warning"))
        told.clear()
        told |= warnings
        if not changed:
            time.sleep(min(_LONGEST, max(_PAUSE, _SHARE * (time.monotonic() - started))))


def _tell(run: Session, result: Migrated, told: set[str]) -> set[str]:
    """What travelled is told here, what is to be told once is given back."""
    from ez.env.migrate.journey import refuse_conflicts

    warnings = set()
    try:
        refuse_conflicts(result)
    except SourceError as error:
        warnings.add(error.message)
    if run.json_output and (result.changed or warnings - told):
        print_json(result)
    elif result.changed:
        show(run, replace(result, conflicts=()))
    return warnings
