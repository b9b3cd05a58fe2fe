"""The clouds that this person uses: the workspace, the SDK, the sign-in. Nothing is checked where none is used."""

from __future__ import annotations

from collections.abc import Iterator

from ez.compute.standing import standing, workspaces_used
from ez.config import Settings
from ez.env.check import Check
from ez.errors import EzError, StateError
from ez.models import Workspace
from ez.state import State


def cloud_checks(settings: Settings) -> Iterator[Check]:
    """Nothing is raised; a cloud that does not answer takes as long as its SDK waits."""
    if settings.offered is not None:
        offered = f"`{settings.offered.name}` of {settings.offered.file} is not accepted, and not used"
        yield Check("repo-workspace", "workspace of this repo", "warning", offered, "ez workspace accept")
    try:
        workspace = settings.workspace()
        with State(settings.directories.database) as state:
            for used in workspaces_used(workspace, state):
                yield from _cloud(used, state)
    except StateError:
        return  # The index has a check of its own.
    except EzError as error:
        yield Check("workspace", "workspace", "failed", error.message, error.hint or "ez workspace info")


def _cloud(workspace: Workspace, state: State) -> Iterator[Check]:
    id, title = f"cloud-{workspace.provider}", f"sign-in to {workspace.provider}"
    try:
        found = standing(workspace, state)
    except EzError as error:
        yield Check(id, title, "failed", error.message, error.hint or "ez workspace info")
        return
    if found is None:
        return
    account = f"{found.title} ({found.account})" if found.title else found.account
    yield Check(id, title, "ok", f"{found.person} in {account}")
    for sentence in found.wrong:
        fix = f"correct it where `ez workspace info {workspace.name}` says that it comes from"
        yield Check(f"workspace-{workspace.provider}", f"workspace `{workspace.name}`", "failed", sentence, fix)
