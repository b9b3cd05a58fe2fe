"""What a repo may not decide alone: who pays for machines, and that one is made at all."""

from __future__ import annotations

from dataclasses import replace

from ez.cli.output import say
from ez.cli.session import Session, confirm, is_interactive, settings_of
from ez.cli.workspace_flags import show_values
from ez.config import KEYS, RepoWorkspace, Settings, accept, own_file
from ez.errors import UsageError


def agree(run: Session) -> Session:
    """Before a machine is made: the person accepts the workspace that the repo brings, once for all that it says.

    Raises UsageError where nobody can be asked; `--yes` is no answer, since it was said of something else.
    """
    offered = run.settings.offered
    if offered is None:
        return run
    if not is_interactive():
        what = f"the repo's workspace `{offered.name}` is not accepted: `{offered.file}`"
        raise UsageError(what, "ez workspace accept")
    run.stop_progress()
    take(run, offered, yes=False, flag="EZ_WORKSPACE=NAME, for another workspace")
    return replace(run, settings=settings_of(run.settings.project, run.state))


def of_workspace(run: Session, name: str) -> Session:
    """The same run in the workspace of that name. Raises UsageError for one that nobody knows or accepted."""
    settings = settings_of(run.settings.project, run.state, name)
    repo, own = settings.repo_workspace, own_file(settings.directories, name).exists()
    if settings.offered is not None and not own:
        raise UsageError(f"the repo's workspace `{name}` is not accepted", "ez workspace accept")
    named = {record.workspace.name for record in run.state.machines.all("ordered", "here", "leaving")}
    named |= {run.settings.text("workspace.name"), str(KEYS["workspace.name"].default)}
    if not own and name not in named and (repo is None or repo.name != name):
        raise UsageError(f"no workspace of that name: `{name}`", f"ez workspace create {name}")
    return replace(run, settings=settings)


def source_of(settings: Settings) -> str:
    """The file that says where the workspace is, else what names its cloud; empty where nothing does."""
    own, repo = own_file(settings.directories, settings.text("workspace.name")), settings.repo_workspace
    if own.exists():
        return str(own)
    if repo is not None and repo.counts:
        return str(repo.file)
    source = settings.sources["workspace.provider"]
    return "" if source == "default" else source


def take(run: Session, offered: RepoWorkspace, *, yes: bool, flag: str = "--yes") -> None:
    """Show what it says, ask, and remember the answer."""
    say(f"{offered.file} says:")
    show_values(offered.says)
    say("machines will be made and paid for so, and images of that registry trusted")
    if any(key.startswith("shares.") for key, _ in offered.says):
        say("environments will see what those shares name, folders of this computer among them")
    confirm(f"accept the workspace `{offered.name}`?", yes=yes, flag=flag)
    accept(offered, run.settings.directories)
