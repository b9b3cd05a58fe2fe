"""Whether a workspace can be worked with: the SDK of its cloud, the sign-in, and what it says that is not there."""

from __future__ import annotations

from ez.models import Workspace
from ez.providers.base import Accounts, Standing
from ez.providers.registry import provider
from ez.state import State


def workspaces_used(settled: Workspace, state: State) -> list[Workspace]:
    """One for each account that this person works with: that of the settings first, and those of machines."""
    every = [record.workspace for record in state.machines.all("ordered", "here", "leaving")]
    found = {(each.provider, each.account, each.endpoint): each for each in reversed([settled, *every])}
    return [each for each in reversed(found.values()) if each.provider]


def standing(workspace: Workspace, state: State) -> Standing | None:
    """Ask the cloud, None where nobody signs in to it. Raises StateError for an unknown provider, ConfigError without
    its SDK, SignInError, CloudError."""
    found = provider(workspace.provider, state, workspace)
    return found.standing() if isinstance(found, Accounts) else None
