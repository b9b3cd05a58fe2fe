"""`ez compute gc`: what is paid for and nobody needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.options import JsonOption, YesOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.quantities import number_of
from ez.cli.saving import save_before
from ez.cli.session import Session, confirm, require_answer, session
from ez.errors import EzError, UsageError

if TYPE_CHECKING:
    from ez.compute.cleanup import Cleaned, Litter
    from ez.providers.base import Leftover
    from ez.state import MachineRecord


@dataclass(frozen=True)
class ShownLitter:
    """A row of `ez compute gc --json`. `monthly` is US dollars, `whose` the owner's tag; `removed`: it is gone."""

    kind: str
    name: str
    region: str
    whose: str
    monthly: float | None
    id: str
    removed: bool = False


def gc(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Only these, also another person's.")
    ] = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and stop.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Find disks, addresses, networks and keys that no computer needs, priced per month; remove them when you agree.

    Another person's are shown, and only removed when you name them. Of a machine whose time is over, work that is
    nowhere else is saved on this computer first.
    """
    from ez.cli.cloud import cloud_context
    from ez.compute.cleanup import Cleaned, find, remove
    from ez.events import step

    with session("compute-gc", json_output=json_output, yes=yes) as run:
        cloud = cloud_context(run)
        with step(run.sink, "gc", "Look for what nobody needs") as report:
            litter = find(cloud)
            chosen, expired = _chosen(litter, tuple(names or ()))
            report.detail = number_of(len(chosen) + len(expired), "thing")
        run.stop_progress()
        for problem in litter.problems:
            say(f"warning: not asked: {clean(problem.message)}")
        if litter.problems and not (chosen or expired or litter.others):
            raise litter.problems[0]
        cleaned = Cleaned(())
        if not json_output:
            _print(litter)
        if (chosen or expired) and not dry_run:
            question = _question(chosen, expired)
            if json_output and not yes:
                require_answer(question)
            confirm(question, yes=yes)
            expired, unsaved = _saved(run, expired)
            cleaned = remove(chosen, expired, cloud)
            cleaned = replace(cleaned, left=(*unsaved, *cleaned.left))
            run.stop_progress()
        if json_output:
            print_json(_rows(litter, cleaned))
        for name, reason in cleaned.left:
            say(f"not removed: {clean(name)}: {clean(reason)}")
        if cleaned.removed and not json_output:
            say(f"removed {number_of(len(cleaned.removed), 'thing')}")
        if cleaned.left:
            raise EzError(f"{number_of(len(cleaned.left), 'thing')} could not be removed", "ez compute gc")


def _chosen(litter: Litter, names: tuple[str, ...]) -> tuple[list[Leftover], list[MachineRecord]]:
    if not names:
        return [*litter.leftovers], [*litter.expired]
    every = [*litter.leftovers, *litter.others]
    for name in names:
        if not any(name in (each.name, each.id) for each in every) and name not in [one.name for one in litter.expired]:
            raise UsageError(f"nothing that nobody needs is called so: `{clean(name)[:60]}`", "ez compute gc --dry-run")
    chosen = [each for each in every if each.name in names or each.id in names]
    return chosen, [record for record in litter.expired if record.name in names]


def _saved(run: Session, expired: list[MachineRecord]) -> tuple[list[MachineRecord], tuple[tuple[str, str], ...]]:
    """Those whose work is saved or needs no saving; the others with the reason why they stay."""
    safe, left = [], []
    for record in expired:
        try:
            save_before(run, record.name, "delete")
            safe.append(record)
        except EzError as error:
            left.append((record.name, f"{error.message} ({error.hint})"))
    return safe, tuple(left)


def _question(chosen: list[Leftover], expired: list[MachineRecord]) -> str:
    from ez.compute.sizes.words import money

    what = []
    if expired:
        what.append(f"delete {', '.join(f'`{record.name}`' for record in expired)} with all that is on it")
    if chosen:
        monthly = sum(each.monthly for each in chosen)
        what.append(f"remove {number_of(len(chosen), 'thing')} ({money(monthly)} a month)")
    return f"{' and '.join(what)}?"


def _rows(litter: Litter, cleaned: Cleaned) -> list[ShownLitter]:
    rows = [
        ShownLitter("expired machine", one.name, one.region, one.workspace.owner, None, one.id)
        for one in litter.expired
    ]
    rows += [
        ShownLitter(each.kind, each.name, each.region, each.owner, each.monthly, each.id)
        for each in (*litter.leftovers, *litter.others)
    ]
    return [
        ShownLitter(row.kind, row.name, row.region, row.whose, row.monthly, row.id, row.name in cleaned.removed)
        for row in rows
    ]


def _print(litter: Litter) -> None:
    from ez.compute.cleanup import Cleaned
    from ez.compute.sizes.words import money

    rows = _rows(litter, Cleaned(()))
    if not rows:
        say("nothing is paid for that no computer needs")
        return
    cells = [
        (row.kind, row.name, row.region, row.whose or "-", money(row.monthly) if row.monthly is not None else "-")
        for row in rows
    ]
    print_table(("KIND", "NAME", "REGION", "OWNER", "PER MONTH"), cells)
