"""`ez workspace delete`: what it has in its cloud, and where it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.agree import of_workspace
from ez.cli.options import JsonOption, YesOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.quantities import number_of
from ez.cli.session import Session, confirm, require_answer, session, settings_of
from ez.config import is_kept, own_file, write_values
from ez.errors import UsageError

if TYPE_CHECKING:
    from ez.compute.premises import Premises
    from ez.models import Workspace


@dataclass(frozen=True)
class ShownRemoval:
    """What `ez workspace delete --json` prints: what it had in its cloud by kind and name, and how many things were
    removed there."""

    deleted: str
    things: tuple[tuple[str, str], ...]
    removed: int = 0
    dry_run: bool = False


def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The workspace.")],
    yes: YesOption = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Only forget it here; its cloud is not asked, and keeps what it has.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and stop.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Remove what a workspace without computers has in its cloud, and forget it here."""
    from ez.cli.cloud import cloud_context
    from ez.compute.premises import Premises, clear, known_premises, premises

    with session("workspace-delete", json_output=json_output, yes=yes) as run:
        run = of_workspace(run, name)
        workspace, cloud = run.settings.workspace(), cloud_context(run)
        _refuse_computers(known_premises(workspace, cloud), name)
        if not yes and not dry_run:
            require_answer(f"delete the workspace `{name}`?")
        asks = bool(workspace.provider) and not forget
        found = premises(workspace, cloud) if asks else Premises(())
        _refuse_computers(found, name)
        _refuse_others(found, workspace)
        run.stop_progress()
        _show(run, found, name)
        if dry_run:
            if json_output:
                print_json(ShownRemoval(name, _removed(found), dry_run=True))
            return
        confirm(f"delete the workspace `{name}`?", yes=yes)
        removed = clear(workspace, cloud) if asks else 0
        _forget(run, name)
        run.stop_progress()
        say(f"deleted `{name}`: {number_of(removed, 'thing')} removed from the cloud")
        if json_output:
            print_json(ShownRemoval(name, _removed(found), removed))
        repo = run.settings.repo_workspace
        if repo is not None and repo.name == name:
            say(f"{repo.file} still says it: remove its [workspace] there")


def _refuse_computers(found: Premises, name: str) -> None:
    if found.names:
        what = f"the workspace `{name}` has {number_of(len(found.names), 'computer')}: {', '.join(found.names)}"
        raise UsageError(clean(what), f"ez compute delete {found.names[0].partition(' ')[0]}")


def _refuse_others(found: Premises, workspace: Workspace) -> None:
    others = [thing for thing in found.things if thing.owner not in ("", workspace.owner)]
    if others:
        thing = others[0]
        what = f"the {thing.kind} `{thing.name}` in it is {thing.owner}'s"
        raise UsageError(clean(what), f"ask them, or: ez compute gc {thing.name}")


def _show(run: Session, found: Premises, name: str) -> None:
    from ez.compute.sizes.words import money

    if found.things and not run.json_output:
        cells = [(each.kind, each.name, each.region, money(each.monthly)) for each in found.things]
        print_table(("KIND", "NAME", "REGION", "PER MONTH"), cells)
    path = own_file(run.settings.directories, name)
    if path.exists():
        say(f"your file of it goes: {path}")


def _removed(found: Premises) -> tuple[tuple[str, str], ...]:
    return tuple((each.kind, each.name) for each in found.things)


def _forget(run: Session, name: str) -> None:
    """Your file of it, or your settings where they hold it, and that it was chosen."""
    directories = run.settings.directories
    path = own_file(directories, name)
    user = str(directories.user_file)
    sources = run.settings.sources
    held = {key: None for key in sources if is_kept(key) and sources[key] == user}
    if path.exists():
        path.unlink()
        held = {}
    chosen = settings_of(None, run.state)
    if chosen.text("workspace.name") == name and chosen.sources["workspace.name"] == user:
        held["workspace.name"] = None
    if held:
        write_values(directories.user_file, held)
