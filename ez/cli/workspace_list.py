"""`ez workspace ls`, and one row of it as what other commands about workspaces print as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ez.cli.agree import source_of
from ez.cli.options import JsonOption
from ez.cli.output import print_json, print_table
from ez.cli.session import Session, session, settings_of
from ez.config import RepoWorkspace, own_workspaces, resolve


@dataclass(frozen=True)
class ShownWorkspace:
    """A row of `ez workspace ls --json`. `source` is the file that it comes from, empty where only machines name it;
    `computers` are those that the index knows; `accepted` is false for a repo's that is not used yet."""

    name: str
    provider: str
    account: str
    regions: tuple[str, ...]
    source: str
    computers: tuple[str, ...]
    chosen: bool
    accepted: bool = True


def ls(json_output: JsonOption = False) -> None:
    """List workspaces: your own, this repo's, and those that machines are in."""
    with session("workspace-ls", json_output=json_output, log=False) as run:
        rows = _rows(run)
        run.stop_progress()
        if json_output:
            print_json(rows)
            return
        cells = [
            (
                f"{row.name} *" if row.chosen else row.name,
                row.provider or "-",
                row.account or "-",
                " ".join(row.regions) or "-",
                ", ".join(row.computers),
                row.source + ("" if row.accepted else " (not accepted)"),
            )
            for row in rows
        ]
        print_table(("NAME", "CLOUD", "ACCOUNT", "REGIONS", "COMPUTERS", "FROM"), cells)


def print_row(run: Session, name: str) -> None:
    """The workspace as it is now, after it was written or accepted."""
    now = replace(run, settings=settings_of(run.settings.project, run.state))
    print_json(next(row for row in _rows(now) if row.name == name))


def _rows(run: Session) -> list[ShownWorkspace]:
    settings = run.settings
    computers: dict[str, list[str]] = {}
    for record in run.state.machines.all("ordered", "here", "leaving"):
        computers.setdefault(record.workspace.name, []).append(record.name)
    repo = settings.repo_workspace
    own = own_workspaces(settings.directories)
    now = settings.text("workspace.name")
    rows = []
    for name in sorted({*own, *computers, now, *([repo.name] if repo else [])}):
        there = tuple(computers.get(name, ()))
        if repo is not None and repo.name == name and not repo.accepted and name not in own:
            rows.append(_offered(repo, there))
            continue
        seen = settings if name == now else resolve(project=settings.project, flags={"workspace.name": name})
        workspace = seen.workspace()
        rows.append(
            ShownWorkspace(
                name, workspace.provider, workspace.account, workspace.regions, source_of(seen), there, name == now
            )
        )
    return rows


def _offered(repo: RepoWorkspace, computers: tuple[str, ...]) -> ShownWorkspace:
    """What the repo says, of which nothing is used."""
    says = {key: str(value) for key, value in repo.says}
    return ShownWorkspace(
        repo.name,
        says.get("workspace.provider", ""),
        says.get("workspace.account", ""),
        tuple(says.get("workspace.regions", "").split()),
        str(repo.file),
        computers,
        chosen=False,
        accepted=False,
    )
