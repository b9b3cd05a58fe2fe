"""What `ez env up`, `home` and `sync` have in common: whose work moves, between where, and how the result looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect
from ez.cli.output import clean, print_json, say
from ez.cli.session import Session
from ez.errors import EzError, UsageError
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.env.migrate.journey import Journey, Migrated
    from ez.env.migrate.side import Side

IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include-ignored", metavar="PATTERN", help="Ignored files that go along, from now on; repeatable."),
]
TakeOption = Annotated[
    str | None,
    typer.Option(
        "--take",
        metavar="NAME",
        help="Where both sides changed the same: whose counts, a computer or `local`. The other's is saved first.",
    ),
]
ProgramsOption = Annotated[
    bool,
    typer.Option(
        "--allow-programs", help="Also bring an unfinished rebase with `exec` lines, which run here when it goes on."
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would travel, and stop.")]


def known(run: Session, name: str | None, computer: str | None) -> EnvironmentRecord:
    """The environment a person means that is on another computer. Raises EzError, UsageError."""
    chosen = None if computer in (None, ".", "local") else computer
    wanted = [item for item in run.state.environments(chosen) if item.computer != "local" and _is_meant(item, name)]
    if len(wanted) == 1:
        return wanted[0]
    if not wanted:
        what = f"`{name}`" if name else "of this directory"
        raise EzError(f"no environment {what} on " + (f"`{chosen}`" if chosen else "another computer"), "ez env ls")
    where = ", ".join(item.computer for item in wanted)
    raise UsageError(f"`{wanted[0].name}` is on several computers: {where}", f"add -c {wanted[0].computer}")


def _is_meant(record: EnvironmentRecord, name: str | None) -> bool:
    if name is not None:
        return record.name == name
    here = Path.cwd()
    return bool(record.repo_path) and Path(record.repo_path) in (here, *here.parents)


def home_of(record: EnvironmentRecord, to: str | None) -> Path:
    """The directory of this computer where the work is at home. Raises UsageError where that would be inside another
    repo."""
    from ez.env.migrate.journey import repo_around

    here = Path.cwd()
    if to is not None:
        return here / to
    if record.repo_path:
        return Path(record.repo_path)
    around, is_clone = repo_around(here, record.repo_url)
    if around is not None and not is_clone:
        raise UsageError(f"this directory is in another repo: `{around}`", f"add --to DIR, as: --to ~/{record.name}")
    return around or here / record.name


@dataclass(frozen=True)
class Wishes:
    """What a person said on the line about the way of the work."""

    include: list[str] | None = None
    dry_run: bool = False
    take: str | None = None
    programs: bool = False
    data: bool = False


@contextmanager
def alone(run: Session, record: EnvironmentRecord) -> Iterator[None]:
    """With no other ez of this person at work on the environment. Raises BusyError."""
    from ez.compute.lock import named_lock

    with named_lock(run.settings.directories.locks, f"{record.computer}.{record.name}", run.sink):
        yield


@contextmanager
def way_home(run: Session, record: EnvironmentRecord, place: Path, wishes: Wishes) -> Iterator[Journey]:
    """From the environment's computer to `place`."""
    from ez.env.migrate.journey import computer_side, person_side

    with connect(run, record.computer) as host:
        source = computer_side(host, record.name)
        yield journey(run, record.name, source, person_side(run.settings, place, record.name), wishes)


def journey(run: Session, name: str, source: Side, target: Side, wishes: Wishes) -> Journey:
    from ez.env.migrate.journey import Journey, Take, between

    order = between(run.settings, name, source, target, run.sink, check_patterns(wishes.include))
    order = replace(order, dry_run=wishes.dry_run, programs=wishes.programs)
    chosen = "local" if wishes.take == "." else wishes.take
    take = Take(chosen, run.settings.directories.state / "saved") if chosen else None
    return Journey(name, source, target, order, take)


def check_patterns(patterns: list[str] | None) -> tuple[str, ...]:
    """Raises UsageError for what is no pattern of paths inside a repo."""
    found = tuple(dict.fromkeys(patterns or ()))
    for pattern in found:
        if (
            not pattern
            or pattern.startswith(("/", ":", "-"))
            or ".." in pattern.split("/")
            or not pattern.isprintable()
        ):
            raise UsageError(f"not a pattern of paths in the repo: `{clean(pattern)[:60]}`", "as: 'data/*.csv'")
    return found


def show(run: Session, *results: Migrated) -> None:
    """The result; then, where both sides changed the same, the error that says so."""
    from ez.env.migrate.journey import refuse_conflicts

    run.stop_progress()
    if run.json_output:
        print_json(results[0] if len(results) == 1 else {"ways": results})
    for result in () if run.json_output else results:
        what = result.words or "nothing new"
        verb = "would bring" if result.dry_run else "brought"
        place = f"{result.tree} on {result.target}" if result.target != "local" else result.tree
        say(f"{verb} {what} from {result.source} to {clean(place)}")
        if result.dry_run:
            for line in (*result.names, *result.paths):
                typer.echo(clean(line))
    for result in results:
        refuse_conflicts(result)
