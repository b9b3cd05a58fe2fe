"""`ez compute ls` and `ez compute select`: names at once, then what the clouds say."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.options import ComputerArgument, JsonOption
from ez.cli.output import clean, print_json, print_table, say, table_lines
from ez.cli.quantities import show_span
from ez.cli.session import Session, session
from ez.errors import EzError, UsageError

if TYPE_CHECKING:
    from ez.compute.context import CloudContext
    from ez.compute.listing import Listed

_EACH = 5.0
_WAITING = "..."
_SHORT = ("NAME", "PROVIDER", "ADDRESS", "ENVIRONMENTS")
_LONG = ("NAME", "STATE", "SIZE", "REGION", "ADDRESS", "PRICE/H", "SO FAR", "OWNER", "NOTES", "ENVIRONMENTS")
_WORDS = {
    "stopped": "stopped (still paid for)",
    "missing": "missing in its cloud",
    "interrupted": "interrupted",
    "leaving": "being deleted",
}


def ls(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every five seconds, until Ctrl-C.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also machines of other workspaces, and those that ez did not make.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List computers: at once from the index, then with what their clouds say."""
    from ez.cli.cloud import cloud_context
    from ez.compute.listing import asks_clouds, from_index, look

    if watch and json_output:
        raise UsageError("--watch and --json exclude one another", "leave out --watch")
    with session("compute-ls", json_output=json_output, log=False) as run:
        cloud = cloud_context(run)
        rows = from_index(cloud)
        run.stop_progress()
        if not asks_clouds(cloud):
            _print(run, rows)
            return
        screen = _Screen(live=sys.stdout.isatty() and not json_output)
        screen.show(rows, waiting=True)
        problems: Sequence[EzError] = ()
        while True:
            told = look(cloud, everything=everything)
            problems = told.problems
            if json_output:
                print_json(told.rows)
            else:
                screen.show(told.rows)
            if not watch or not _wait():
                break
        _tell(told.rows, problems)


def select(
    name: ComputerArgument = None,
    json_output: JsonOption = False,
) -> None:
    """Choose the computer that commands use without -c; `local` takes that back, no name shows it."""
    from ez.cli.cloud import cloud_context
    from ez.compute.have import have

    with session("compute-select", json_output=json_output, log=False) as run:
        if name is not None:
            computer = have(name, cloud_context(run), None, start_it=False)
            run.state.choose("computer", "" if computer.name == "local" else computer.name)
        settings = run.settings
        chosen = run.state.chosen("computer") or ("local" if name else settings.text("defaults.computer"))
        run.stop_progress()
        if json_output:
            print_json({"computer": chosen})
        elif name is None:
            typer.echo(chosen)
        else:
            say(f"commands use `{chosen}` where no -c says otherwise")
            source = settings.sources["defaults.computer"]
            if source not in ("default", "ez compute select", str(settings.directories.user_file)):
                say(f"but here {source} says `{settings.text('defaults.computer')}`")


def row_of(name: str, cloud: CloudContext) -> Listed:
    """The row of one computer, from the index."""
    from ez.compute.listing import from_index

    return next(row for row in from_index(cloud) if row.name == name)


def _wait() -> bool:
    """Whether the person still watches; Ctrl-C is how watching ends."""
    try:
        time.sleep(_EACH)
    except KeyboardInterrupt:
        return False
    return True


class _Screen:
    """The table on stdout; on a terminal each one takes the place of the one before."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._lines = 0

    def show(self, rows: Sequence[Listed], *, waiting: bool = False) -> None:
        if waiting and not self._live:
            return
        lines = table_lines(_LONG, _cells(rows, waiting=waiting))
        if self._lines:
            sys.stdout.write(f"\x1b[{self._lines}F\x1b[J")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        self._lines = len(lines) if self._live else 0


def _print(run: Session, rows: Sequence[Listed]) -> None:
    if run.json_output:
        print_json(rows)
    elif any(row.size for row in rows):
        print_table(_LONG, _cells(rows))
    else:
        print_table(_SHORT, [(_name(row), row.provider, row.address, ", ".join(row.environments)) for row in rows])


def _cells(rows: Sequence[Listed], *, waiting: bool = False) -> list[tuple[str, ...]]:
    from ez.compute.sizes.words import money

    def cells(row: Listed) -> tuple[str, ...]:
        if not row.size:
            return (_name(row), "-", row.provider, "-", row.address, "-", "-", "-", "", ", ".join(row.environments))
        return (
            _name(row),
            _WAITING if waiting else _WORDS.get(row.power, row.power),
            row.size,
            f"{row.region} {row.zone}".rstrip(),
            row.address,
            money(row.price) + (" spot" if row.spot else ""),
            money(row.cost) if row.cost is not None else "?" if row.workspace else "-",
            row.owner or "-",
            _notes(row),
            ", ".join(row.environments),
        )

    return [cells(row) for row in rows]


def _name(row: Listed) -> str:
    return f"{row.name} *" if row.chosen else row.name


def _notes(row: Listed) -> str:
    now = time.time()
    said = []
    if row.expires:
        late = now - row.expires
        said.append(f"expired {show_span(late)} ago" if late > 0 else f"for {show_span(-late)} more")
    if row.lease > now:
        said.append(f"kept for {show_span(row.lease - now)}")
    return ", ".join(said)


def _tell(rows: Sequence[Listed], problems: Sequence[EzError]) -> None:
    for row in rows:
        if row.power == "interrupted":
            again = f"ez compute create {row.name} goes on with it, ez compute delete {row.name} removes it"
            say(f"an interrupted create of `{row.name}`: {again}")
        elif row.power in ("missing", "leaving"):
            say(f"`{row.name}` is {_WORDS[row.power]}: ez compute delete {row.name}")
        elif row.power == "failed":
            say(f"`{row.name}` failed: ez compute info {row.name}")
    for problem in problems:
        say(f"warning: not asked: {clean(problem.message)}" + (f" ({clean(problem.hint)})" if problem.hint else ""))
