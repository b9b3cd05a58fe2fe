"""Who is signed in to Azure, and what of the workspace is not there."""

from __future__ import annotations

import base64
import json
from functools import partial

from ez.errors import CloudError
from ez.models import Workspace
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt, is_gone, translated
from ez.providers.base import Standing
from ez.providers.together import side_by_side

_VERSION = "2022-12-01"
_NETWORKS = "2024-05-01"
_NAMES = ("upn", "preferred_username", "unique_name", "email", "name", "appid")
"""Claims of an access token that name a person or a program (learn.microsoft.com, access token claims reference)."""


def standing(arm: Arm, workspace: Workspace) -> Standing:
    """Asked side by side. Raises SignInError, ConfigError, CloudError."""
    attempt = Attempt("look at your Azure subscription")
    with translated(attempt):
        person = workspace.owner if arm.connection.rehearsal else named_in(arm.connection.token())
        here = arm.connection.send("GET", f"/subscriptions/{arm.subscription}", {"api-version": _VERSION})
    found = side_by_side([partial(_regions, arm, workspace, attempt), partial(_network, arm, workspace, attempt)])
    return Standing(
        person,
        arm.subscription,
        str(here.get("displayName") or ""),
        str(here.get("tenantId") or ""),
        tuple(sentence for sentences in found for sentence in sentences),
    )


def named_in(token: str) -> str:
    """Whom the token is for, empty where it does not say; it is only read, whether it is good is for Azure to say."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return next((str(claims[name]) for name in _NAMES if claims.get(name)), "")
    except (IndexError, ValueError, AttributeError, TypeError):
        return ""


def _regions(arm: Arm, workspace: Workspace, attempt: Attempt) -> list[str]:
    if not workspace.regions:
        return []
    path = f"/subscriptions/{arm.subscription}/locations"
    with translated(attempt):
        known = {str(each.get("name")) for each in arm.connection.pages(path, {"api-version": _VERSION})}
    return [f"Azure has no region `{region}`" for region in workspace.regions if region not in known]


def _network(arm: Arm, workspace: Workspace, attempt: Attempt) -> list[str]:
    if not workspace.network:
        return []
    group, _, name = workspace.network.partition("/")
    try:
        with translated(attempt):
            arm.send("GET", arm.id(group, "Microsoft.Network/virtualNetworks", name), _NETWORKS)
    except CloudError as error:
        if is_gone(error):
            return [f"there is no network `{workspace.network}`"]
        raise
    return []
