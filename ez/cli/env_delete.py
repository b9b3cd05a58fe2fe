"""`ez env delete`: an environment taken off its computer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect_alone, environment
from ez.cli.keeping import end
from ez.cli.options import (
    ComputerOption,
    EnvironmentArgument,
    JsonOption,
    OldComputerOption,
    OldEnvironmentOption,
    YesOption,
)
from ez.cli.output import print_json, say
from ez.cli.session import confirm, session
from ez.errors import UsageError

if TYPE_CHECKING:
    from ez.env.migrate.saving import Saved


def delete(
    name: EnvironmentArgument = None,
    compute: ComputerOption = None,
    tree: Annotated[
        bool, typer.Option("--work-tree", help="Also remove the work tree that ez made on the computer.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Without saving work of the work tree that is nowhere else.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Only forget it here, for a computer that is gone for good.")
    ] = False,
    yes: YesOption = False,
    json_output: JsonOption = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Delete an environment: its container, image and SSH alias; the work tree stays unless you ask. Example:

    ez env delete thesis --work-tree

    What of its work is nowhere else is saved on this computer before: ez env saved ls
    """
    from ez.cli.access import withdraw
    from ez.cli.saving import save_tree, tell_saved
    from ez.env import manage

    with session("env-delete", json_output=json_output) as run:
        record = environment(run, name or old_name, compute or old_computer)
        owned = record.host_path.endswith(f"/ez/{record.name}")
        if tree and not owned:
            raise UsageError(
                f"the work tree of `{record.name}` is your own directory: `{record.host_path}`", "leave out --work-tree"
            )
        what = "container, image, SSH alias" + (f" and the work tree {record.host_path}" if tree else "")
        run.stop_progress()
        confirm(f"delete {what} of `{record.name}` on `{record.computer}`?", yes=yes)
        removed: tuple[str, ...] = ()
        kept: tuple[Saved, ...] = ()
        if not forget:
            with connect_alone(run, record) as host:
                kept = save_tree(run, host, record.name) if tree and not force else ()
                removed = manage.delete(host, record.name, tree=tree)
        end(run, record.name, record.computer, forget=True)
        withdraw(run, record)
        if json_output:
            print_json(manage.Deleted(record.name, record.computer, (*removed, "alias"), kept))
        else:
            say(f"deleted `{record.name}` on `{record.computer}`: {', '.join((*removed, 'alias'))}")
        tell_saved(run, kept)
        if owned and not tree and not json_output:
            say(f"the work tree stays: {record.host_path} on {record.computer}")
