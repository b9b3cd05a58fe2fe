"""`--with-data` of `ez env up` and `ez env home`: volumes and named caches of the environment go along."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.output import clean, say
from ez.cli.session import Session
from ez.errors import EzError

if TYPE_CHECKING:
    from ez.env.migrate.journey import Journey, Migrated

WithDataOption = Annotated[
    bool, typer.Option("--with-data", help="Volumes and named caches of the environment go along, too.")
]

_STAYS = "not brought: "


def with_data(run: Session, way: Journey, result: Migrated) -> Migrated:
    """Bring them the way that the work went. What stays is told, and is in `left`; see `refuse_data`."""
    from ez.env.migrate.data import bring_data
    from ez.env.migrate.data_notes import Notes
    from ez.events import step

    source, target, env = way.source.host, way.target.host, way.environment
    notes = Notes(run.settings.directories.state, env)
    with step(run.sink, "data", f"Bring data of {env} from {source.name} to {target.name}") as report:
        brought = bring_data(source, target, env, notes, run.sink, dry_run=way.order.dry_run)
        report.detail, report.skipped = ", ".join(brought.data) or "nothing new", not brought.data
    for what in brought.left:
        say(clean(f"stays where it is: {what}"))
    changed = result.changed or bool(brought.data)
    left = (*result.left, *brought.left, *(f"{_STAYS}{what}" for what in brought.conflicts))
    return replace(result, data=brought.data, left=left, changed=changed)


def refuse_data(result: Migrated) -> None:
    """Raises EzError, after all else is told, where data was asked for and could not go."""
    stayed = [what.removeprefix(_STAYS) for what in result.left if what.startswith(_STAYS)]
    if stayed:
        raise EzError(
            clean(f"not brought from `{result.source}` to `{result.target}`: {'; '.join(stayed[:10])}"),
            "nothing there is changed: stop what uses it, or remove the one that is not wanted, then run it again",
        )
