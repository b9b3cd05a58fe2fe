"""`ez init`: a workspace for a repo's team, in its `ez.toml`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ez.cli.options import JsonOption, YesOption
from ez.cli.output import say
from ez.cli.session import confirm, project_of, session
from ez.cli.workspace_flags import (
    AccountOption,
    CloudOption,
    IdleStopOption,
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
from ez.cli.workspace_list import print_row
from ez.config import PERSONAL, PROJECT_FILE, accept, is_kept, read_file, resolve, write_values
from ez.errors import UsageError
from ez.names import check_name, environment_name


def init(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Of the workspace (default: the directory's).")
    ] = None,
    provider: CloudOption = None,
    account: AccountOption = None,
    tenant: TenantOption = None,
    region: RegionsOption = None,
    network: NetworkOption = None,
    registry: RegistryOption = None,
    idle_stop: IdleStopOption = None,
    private: PrivateOption = None,
    share: ShareOption = None,
    yes: YesOption = False,
    json_output: JsonOption = False,
) -> None:
    """Write the workspace of this repo's team to its `ez.toml`: cloud, account, regions; asked for where left out.

    Whoever opens the repo accepts it once before a machine is made with it. Nothing is made in the cloud yet.
    """
    flags = WorkspaceFlags(
        provider, account, tenant, tuple(region or ()), network, registry, idle_stop, private, None, tuple(share or ())
    )
    with session("init", json_output=json_output, yes=yes, log=False) as run:
        top = _top()
        path = top / PROJECT_FILE
        chosen = check_name("workspace", name or environment_name(top.name))
        if path.is_symlink():
            raise UsageError(f"it is a link to another file: `{path}`", "remove it, and run the same command again")
        known = read_file(path, refused=PERSONAL)
        if any(is_kept(key) for key in known):
            confirm(f"replace the workspace in {path}?", yes=yes)
        values = emptied(known) | values_of(flags, run) | {"workspace.name": chosen}
        write_values(path, {key: value for key, value in values.items() if key not in PERSONAL}, shared=True)
        now = resolve(project=top)
        if now.repo_workspace is not None:
            accept(now.repo_workspace, now.directories)
        say(f"written: {path}; commit it, and everybody who opens the repo can use it")
        say("is it all right?  ez workspace info;  a machine: ez compute create NAME")
        if json_output:
            print_row(replace(run, settings=now), chosen)


def _top() -> Path:
    """Where an `ez.toml` is, else the top of the Git work tree, else here."""
    found = project_of() or Path.cwd()
    if (found / PROJECT_FILE).exists():
        return found
    return next((place for place in (found, *found.parents) if (place / ".git").exists()), found)
