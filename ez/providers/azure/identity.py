"""A machine's own rights: its identity gets a role that allows to stop it, on that machine alone, and to have no daily
schedule stop it while somebody works there, on that schedule alone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ez.errors import CloudError
from ez.events import Notice, Sink, null_sink
from ez.providers.azure.calls import ask, find
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt, is_gone
from ez.providers.tags import marks_of
from ez.providers.wire import mapping

ACTIONS = (
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/instanceView/read",
    "Microsoft.Compute/virtualMachines/deallocate/action",
    "Microsoft.DevTestLab/schedules/read",
    "Microsoft.DevTestLab/schedules/delete",
)

_VERSION = "2022-04-01"
_SPACE = uuid.UUID("4f0fd2a5-6f3f-4a8e-9d0e-6f1c0a4b7d11")
_POWER_OPERATOR = "40c5ff49-9181-41f8-ae61-143b0e78555e"
"""Azure's own "Desktop Virtualization Power On Off Contributor", where one may give roles and not make them."""

_REFUSED = frozenset(("authorizationfailed", "linkedauthorizationfailed", "requestdisallowedbypolicy"))
_GIVEN = "roledefinitionhasassignments"


def let_stop_itself(arm: Arm, model: Mapping[str, Any], sink: Sink) -> None:
    """Give the role to the identity of a machine, as Azure has it. Where that fails the machine is good all the same,
    and the person is told: mostly it is the right to give roles that is missing."""
    attempt = Attempt("let the machine stop itself when it is idle")
    id, create_id = str(model["id"]), marks_of(model.get("tags")).create_id
    principal = str((model.get("identity") or {}).get("principalId") or "")
    if not principal:
        return
    try:
        role = _role(arm, id.split("/")[4], attempt)
        _assign(arm, id, principal, role, create_id, attempt)
    except CloudError as error:
        sink(Notice(f"{error.message}; only Azure's own clock stops it (`workspace.stop_daily`)", "warning"))


def cannot_stop_itself(arm: Arm, model: Mapping[str, Any], attempt: Attempt) -> str:
    """Why the machine may not, empty where it may. Raises CloudError."""
    if not mapping(model.get("identity")).get("principalId"):
        return "it has no identity of its own"
    path = _assignment(str(model["id"]), marks_of(model.get("tags")).create_id)
    if find(arm, attempt, lambda: arm.send("GET", path, _VERSION)) is None:
        return "nobody with the right to give roles has let it: have an owner of the subscription start it once"
    return ""


def let_remove(arm: Arm, model: Mapping[str, Any], schedule: str) -> None:
    """Give the role on a schedule to the machine that it stops. Who may not give roles was told so when the machine was
    made. Raises CloudError."""
    attempt = Attempt("let the machine remove its daily stop while somebody works there")
    principal = str((model.get("identity") or {}).get("principalId") or "")
    try:
        role = _role(arm, str(model["id"]).split("/")[4], attempt)
        if principal and not role.endswith(_POWER_OPERATOR):
            _assign(arm, schedule, principal, role, marks_of(model.get("tags")).create_id, attempt)
    except CloudError as error:
        if error.code.lower() not in _REFUSED:
            raise


def keep_right(arm: Arm, model: Mapping[str, Any]) -> None:
    """Give the right to a machine whose making was interrupted before that. What fails was said when it was made."""
    attempt = Attempt("look for the machine's right to stop itself")
    path = _assignment(str(model["id"]), marks_of(model.get("tags")).create_id)
    with suppress(CloudError):
        if find(arm, attempt, lambda: arm.send("GET", path, _VERSION)) is None:
            let_stop_itself(arm, model, null_sink)


def forget_assignment(arm: Arm, id: str, create_id: str) -> None:
    """Take the right to a machine or schedule away before that goes: Azure would keep it. It is of no use to anybody,
    so that what cannot be removed stays."""
    with suppress(CloudError):
        _remove(arm, _assignment(id, create_id))


def forget_role(arm: Arm, group: str) -> None:
    """Remove the workspace's role. It stays where only somebody else may remove it, or somebody has given it to others.

    Raises CloudError otherwise: once its group is gone nobody would find it.
    """
    try:
        _remove(arm, _definition(arm, group))
    except CloudError as error:
        if not is_gone(error) and error.code.lower() not in (*_REFUSED, _GIVEN):
            raise


def _role(arm: Arm, group: str, attempt: Attempt) -> str:
    """The id of the workspace's role, made if it is not there."""
    path = _definition(arm, group)
    properties = {
        "roleName": f"ez stops itself ({group}, {arm.subscription[:8]})",
        "description": "Lets a machine that ez made deallocate itself",
        "type": "CustomRole",
        "permissions": [{"actions": [*ACTIONS], "notActions": []}],
        "assignableScopes": [arm.id(group)],
    }
    if find(arm, attempt, lambda: arm.send("GET", path, _VERSION)):
        return path
    try:
        ask(arm, attempt, lambda: arm.send("PUT", path, _VERSION, {"properties": properties}))
    except CloudError as error:
        if error.code.lower() not in _REFUSED:
            raise
        path = f"/subscriptions/{arm.subscription}/providers/Microsoft.Authorization/roleDefinitions/{_POWER_OPERATOR}"
    return path


def _assign(arm: Arm, machine_id: str, principal: str, role: str, create_id: str, attempt: Attempt) -> None:
    """Azure may not know a new identity for a while: `PrincipalNotFound` is tried again."""
    properties = {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}
    path = _assignment(machine_id, create_id)
    try:
        ask(arm, attempt, lambda: arm.send("PUT", path, _VERSION, {"properties": properties}))
    except CloudError as error:
        if error.code.lower() != "roleassignmentexists":
            raise


def _definition(arm: Arm, group: str) -> str:
    scope = arm.id(group)
    return f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{uuid.uuid5(_SPACE, scope.lower())}"


def _assignment(machine_id: str, create_id: str) -> str:
    name = uuid.uuid5(_SPACE, f"{machine_id.lower()} {create_id}")
    return f"{machine_id}/providers/Microsoft.Authorization/roleAssignments/{name}"


def _remove(arm: Arm, path: str) -> None:
    ask(arm, Attempt("take a right away"), lambda: arm.send("DELETE", path, _VERSION))
