"""`ez workspace`: where machines of clouds are made, and for whose account."""

from __future__ import annotations

from typing import Annotated

import typer

from ez.cli.agree import of_workspace, take
from ez.cli.options import JsonOption, YesOption
from ez.cli.output import print_json, say
from ez.cli.session import Session, confirm, session
from ez.cli.workspace_delete import delete
from ez.cli.workspace_flags import (
    AccountOption,
    CloudOption,
    IdleStopOption,
    JumpOption,
    NetworkOption,
    PrivateOption,
    RegionsOption,
    RegistryOption,
    ShareOption,
    TenantOption,
    WorkspaceFlags,
    emptied,
    values_of,
)
from ez.cli.workspace_info import info
from ez.cli.workspace_list import ls, print_row
from ez.config import own_file, own_workspaces, read_file, resolve, write_value, write_values
from ez.errors import UsageError

app = typer.Typer(
    help="Workspaces: the account, regions, network and registry that machines of clouds are made with.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The workspace.")]


@app.command()
def create(
    name: NameArgument,
    provider: CloudOption = None,
    account: AccountOption = None,
    tenant: TenantOption = None,
    region: RegionsOption = None,
    network: NetworkOption = None,
    registry: RegistryOption = None,
    idle_stop: IdleStopOption = None,
    private: PrivateOption = None,
    jump: JumpOption = None,
    share: ShareOption = None,
    yes: YesOption = False,
    json_output: JsonOption = False,
) -> None:
    """Keep a workspace of your own, or your own values for a team's of that name; nothing is made in the cloud yet."""
    flags = WorkspaceFlags(
        provider, account, tenant, tuple(region or ()), network, registry, idle_stop, private, jump, tuple(share or ())
    )
    with session("workspace-create", json_output=json_output, yes=yes, log=False) as run:
        directories = run.settings.directories
        path, is_first = own_file(directories, name), not own_workspaces(directories)
        if path.exists():
            confirm(f"replace your workspace `{name}` ({path})?", yes=yes)
        write_values(path, emptied(read_file(path)) | values_of(flags, run))
        say(f"written: {path}")
        if is_first and run.settings.sources["workspace.name"] == "default":
            _choose(run, name)
        else:
            say(f"to make machines in it: ez workspace select {name}")
        if json_output:
            print_row(run, name)


@app.command()
def select(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The workspace.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Choose the workspace that machines are made in; no name shows it."""
    with session("workspace-select", json_output=json_output, log=False) as run:
        if name is not None:
            of_workspace(run, name)
            _choose(run, name)
        now = resolve(project=run.settings.project)
        run.stop_progress()
        if json_output:
            print_json({"workspace": now.text("workspace.name"), "source": now.sources["workspace.name"]})
        elif name is None:
            typer.echo(now.text("workspace.name"))


@app.command()
def accept(yes: YesOption = False, json_output: JsonOption = False) -> None:
    """Agree to the workspace of this repo's `ez.toml`, so that machines are made with it; again when it changes."""
    with session("workspace-accept", json_output=json_output, yes=yes, log=False) as run:
        offered = run.settings.repo_workspace
        if offered is None:
            raise UsageError("this repo has no workspace", "ez init")
        if offered.accepted:
            say(f"`{offered.name}` is accepted already")
        else:
            take(run, offered, yes=yes)
            say(f"`{offered.name}` is used in this repo, and wherever an ez.toml says the same")
        if json_output:
            print_row(run, offered.name)


app.command()(ls)
app.command()(info)
app.command()(delete)


def _choose(run: Session, name: str) -> None:
    write_value(run.settings.directories.user_file, "workspace.name", name)
    now = resolve(project=run.settings.project)
    say(f"machines are made in `{name}` where nothing else is said")
    if now.text("workspace.name") != name:
        say(f"but here {now.sources['workspace.name']} says `{now.text('workspace.name')}`")
