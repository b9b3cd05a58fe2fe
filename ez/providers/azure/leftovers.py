"""What ez made in a workspace and no machine needs, with what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ez.errors import UsageError
from ez.events import Sink
from ez.models import Workspace
from ez.providers.azure.calls import find, gone, listed, tell
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt
from ez.providers.azure.listing import in_group, machine
from ez.providers.azure.names import group_name, moment
from ez.providers.azure.place import NETWORK, contents, is_empty, remove_group
from ez.providers.azure.removing import kind_of
from ez.providers.base import Leftover
from ez.providers.catalogue import address_month, disk_month
from ez.providers.tags import WORKSPACE, marks_of
from ez.providers.wire import mapping, number, text

_GROUP = "group"
_KINDS = {
    "microsoft.compute/virtualmachines": "machine",
    "microsoft.compute/disks": "disk",
    "microsoft.network/publicipaddresses": "address",
    "microsoft.network/networkinterfaces": "network card",
    "microsoft.network/networksecuritygroups": "security group",
    NETWORK.lower(): "network",
    "microsoft.devtestlab/schedules": "schedule",
}
_ORDER = ("machine", "network card", "schedule", "disk", "address", "security group", "network", _GROUP)


def leftovers(arm: Arm, workspace: Workspace, owned: frozenset[str]) -> list[Leftover]:
    """In the order in which they can be removed. What belongs to a machine that is there is none, whoever owns it;
    nor is what ez did not make. Raises CloudError."""
    attempt = Attempt("look for what nobody owns")
    group = group_name(workspace.name)
    models = in_group(arm, group, attempt)
    if models is None:
        return []
    alive = {marks_of(each.get("tags")).create_id for each in models if machine(each).power != "failed"}
    needed = owned | alive
    sizes = _disk_sizes(arm, group, attempt)
    resources = contents(arm, group, attempt)
    used = bool(models) or any(marks_of(each.get("tags")).create_id in needed - {""} for each in resources)
    found = [_leftover(each, sizes) for each in resources if _is_left(each, workspace, needed, models, used)]
    if not models and len(found) == len(resources):
        found += _empty_group(arm, workspace, attempt)
    return sorted(found, key=lambda each: _ORDER.index(each.kind))


def remove(arm: Arm, workspace: Workspace, leftover: Leftover, sink: Sink) -> None:
    """Remove one, after another look at whose it is. Raises UsageError for another person's, CloudError."""
    attempt = Attempt(f"remove the {leftover.kind} `{leftover.name}`")
    if leftover.owner not in ("", workspace.owner):
        raise UsageError(f"the {leftover.kind} `{leftover.name}` is {leftover.owner}'s", "ask them")
    tell(sink, f"removing the {leftover.kind} {leftover.name}")
    if leftover.kind != _GROUP:
        gone(arm, attempt, leftover.id)
    elif is_empty(arm, workspace, attempt):
        remove_group(arm, workspace, attempt)


def _is_left(
    resource: Mapping[str, Any],
    workspace: Workspace,
    needed: frozenset[str],
    models: list[dict[str, Any]],
    used: bool,
) -> bool:
    """A network is needed while anything is: of another region perhaps, but it costs nothing."""
    kind = kind_of(str(resource["id"]))
    marks = marks_of(resource.get("tags"))
    if kind == "microsoft.compute/disks" and not marks.workspace:
        return _is_stray_disk(resource, models)
    if kind not in _KINDS or marks.workspace != workspace.name:
        return False
    return not used if kind == NETWORK.lower() else marks.create_id not in needed


def _is_stray_disk(resource: Mapping[str, Any], models: list[dict[str, Any]]) -> bool:
    """One that ez named, and had not marked yet."""
    profiles = (mapping(mapping(each.get("properties")).get("storageProfile")) for each in models)
    used = {text(mapping(profile.get("osDisk")).get("name")).lower() for profile in profiles}
    name = str(resource["name"]).lower()
    return name.endswith("-disk") and name not in used and not resource.get("managedBy")


def _leftover(resource: Mapping[str, Any], sizes: Mapping[str, int]) -> Leftover:
    kind = _KINDS[kind_of(str(resource["id"]))]
    marks = marks_of(resource.get("tags"))
    return Leftover(
        "azure",
        kind,
        str(resource["name"]),
        str(resource["id"]),
        str(resource.get("location") or ""),
        marks.owner,
        moment(resource.get("createdTime")),
        _monthly(kind, sizes.get(str(resource["name"]).lower(), 0)),
        marks.create_id,
    )


def _monthly(kind: str, gib: int) -> float:
    price = disk_month("azure", gib) if kind == "disk" else address_month("azure") if kind == "address" else 0
    return price or 0.0


def _disk_sizes(arm: Arm, group: str, attempt: Attempt) -> Mapping[str, int]:
    disks = listed(arm, attempt, lambda: arm.compute.disks.list_by_resource_group(group)) or []
    return {
        text(each.get("name")).lower(): int(number(mapping(each.get("properties")).get("diskSizeGB"))) for each in disks
    }


def _empty_group(arm: Arm, workspace: Workspace, attempt: Attempt) -> list[Leftover]:
    name = group_name(workspace.name)
    group = find(arm, attempt, lambda: arm.resources.resource_groups.get(name))
    if not group or (group.get("tags") or {}).get(WORKSPACE) != workspace.name:
        return []
    return [Leftover("azure", _GROUP, name, str(group["id"]), str(group.get("location") or ""), "", 0, 0)]
