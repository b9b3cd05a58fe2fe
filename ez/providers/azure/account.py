"""Which subscriptions are meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ez.errors import ConfigError
from ez.models import Workspace
from ez.providers.azure.client import Connection
from ez.providers.azure.errors import Attempt, translated

PROFILE = Path(".azure", "azureProfile.json")
"""Where az keeps its subscriptions, below the home directory."""

_VERSION = "2022-12-01"


def chosen(connection: Connection, workspace: Workspace, home: Path) -> str:
    """The subscription of the workspace; without one az's default, or the only one there is.

    Raises ConfigError where there is a choice, CloudError.
    """
    if workspace.account:
        return workspace.account
    if not workspace.endpoint and (default := default_of(home / PROFILE)):
        return default
    found = _usable(connection)
    if len(found) == 1:
        return str(found[0]["subscriptionId"])
    if not found:
        raise ConfigError("this sign-in has no Azure subscription", "az login, with another account")
    names = ", ".join(f"{each.get('displayName', '')} ({each['subscriptionId']})" for each in found[:5])
    raise ConfigError(f"which Azure subscription: {names}", "set `account` of the workspace to one of them")


def visible(connection: Connection, workspace: Workspace) -> list[str]:
    """The workspace's subscription, or all that are not switched off. Raises CloudError."""
    if workspace.account:
        return [workspace.account]
    return [str(each["subscriptionId"]) for each in _usable(connection)]


def default_of(profile: Path) -> str:
    """az's default subscription, empty where az was never used. The file begins with a byte order mark."""
    try:
        read = json.loads(profile.read_text("utf-8-sig"))
        return next(str(each["id"]) for each in read["subscriptions"] if each.get("isDefault"))
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return ""


def _usable(connection: Connection) -> list[dict[str, Any]]:
    with translated(Attempt("list your Azure subscriptions")):
        found = connection.pages("/subscriptions", {"api-version": _VERSION})
    return [each for each in found if each.get("state") not in ("Disabled", "Deleted")]
