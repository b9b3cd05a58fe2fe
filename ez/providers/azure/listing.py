"""Machines as Azure lists them, in ez's words."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, get_args

from ez.providers.azure.calls import find, listed
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt
from ez.providers.azure.names import ADDRESS, group_name, moment
from ez.providers.base import Machine, Power
from ez.providers.tags import marks_of
from ez.providers.together import side_by_side
from ez.providers.wire import items, mapping, number, text, texts

KIND = "Microsoft.Compute/virtualMachines"
VERSION = "2026-04-01"
"""api-version of machines: azure-mgmt-compute's own."""

_LISTING = Attempt("list Azure's machines")
_POWERS: Mapping[str, Power] = {power.lower(): power for power in get_args(Power)}


def all_machines(arms: Sequence[Arm]) -> list[Machine]:
    """The machines of the subscriptions. No call of Azure gives all of a machine and whether it runs, so there are two
    for each subscription, side by side, and one more for a machine that only the first one knows."""
    answers = side_by_side([partial(call, arm) for arm in arms for call in (_models, _statuses)])
    found: list[Machine] = []
    for arm, models, statuses in zip(arms, answers[::2], answers[1::2], strict=True):
        views = {text(each.get("id")).lower(): each for each in statuses}
        found += _joined(arm, models, views)
    return sorted(found, key=lambda each: (each.name, each.id))


def one_machine(arm: Arm, workspace: str, name: str, attempt: Attempt) -> dict[str, Any] | None:
    """The machine as Azure has it, with its instance view, asked for by its id; None where it is not there."""
    id = arm.id(group_name(workspace), KIND, name)
    return find(arm, attempt, lambda: arm.send("GET", id, VERSION, expand="instanceView"))


def in_group(arm: Arm, group: str, attempt: Attempt) -> list[dict[str, Any]] | None:
    """The machines of a group as Azure has them, None where there is no such group."""
    found = listed(arm, attempt, lambda: arm.pages(f"resourceGroups/{group}/providers/{KIND}", VERSION))
    return None if found is None else [each for each in found if text(each.get("id"))]


def machine(model: Mapping[str, Any], status: Mapping[str, Any] | None = None) -> Machine:
    """A machine of a list. `status` is the item with the instance view; without it the model may have one."""
    properties, tags = mapping(model.get("properties")), mapping(model.get("tags"))
    view = _view(status) or _view(model) or {}
    marks = marks_of(tags)
    disk = mapping(mapping(properties.get("storageProfile")).get("osDisk"))
    state = text((_properties(status) or properties).get("provisioningState"))
    power, error, since = _power(items(view.get("statuses")), state)
    return Machine(
        provider="azure",
        name=marks.computer or text(model.get("name")),
        id=_id(text(model.get("id")), marks.workspace),
        power=power,
        size=text(mapping(properties.get("hardwareProfile")).get("vmSize")),
        region=text(model.get("location")).replace(" ", "").lower(),
        zone=next(iter(texts(model.get("zones"))), ""),
        address=_address(tags),
        owner=marks.owner,
        workspace=marks.workspace,
        spot=properties.get("priority") == "Spot",
        disk=int(number(disk.get("diskSizeGB"))) or marks.disk,
        created=moment(properties.get("timeCreated")),
        expires=marks.expires,
        create_id=marks.create_id,
        error=error,
        since=since,
        user=marks.user or text(mapping(properties.get("osProfile")).get("adminUsername")),
        host_keys=marks.host_keys,
        private=marks.private,
        idle_minutes=marks.idle_minutes,
    )


def _address(tags: Mapping[str, Any]) -> str:
    """The tag may have been changed by anybody: what is no address is none."""
    try:
        return str(ipaddress.ip_address(text(tags.get(ADDRESS))))
    except ValueError:
        return ""


def _id(id: str, workspace: str) -> str:
    """Lists write the group's name in capitals; a machine of ez has one id, however it was asked for."""
    segments, group = id.split("/"), group_name(workspace)
    if workspace and len(segments) > 4 and segments[4].lower() == group.lower():
        segments[4] = group
    return "/".join(segments)


def _power(statuses: Iterable[Mapping[str, Any]], state: str) -> tuple[Power, str, float]:
    """Whether it runs, the code of what failed, and since when. While a machine is made or deleted that counts,
    whatever it does meanwhile; one that failed and yet has a power state is what that says, since it is paid for."""
    power, error, since = "", "", 0.0
    for status in statuses:
        kind, _, value = text(status.get("code")).partition("/")
        if kind == "PowerState":
            power = value.lower()
        elif kind == "ProvisioningState":
            first, _, code = value.partition("/")
            state = state or first
            error = code if first.lower() == "failed" else error
            since = max(since, moment(status.get("time")))
    known = _POWERS.get(power, "unknown")
    match state.lower():
        case "creating":
            return "creating", "", since
        case "deleting":
            return "deleting", "", since
        case "failed" if known == "unknown":
            return "failed", error or "Failed", since
        case _:
            return known, error, since


def _joined(arm: Arm, models: Sequence[dict[str, Any]], views: Mapping[str, dict[str, Any]]) -> list[Machine]:
    """What a list has without an id is no machine."""
    ids = [text(model.get("id")) for model in models]
    known = {id: views.get(id.lower()) for id in ids if id}
    lacking = {id: model for id, model in zip(ids, models, strict=True) if _is_lacking(id, model, known)}
    asked = dict(zip(lacking, side_by_side([partial(_asked, arm, model) for model in lacking.values()]), strict=True))
    return [asked.get(id) or machine(model, known[id]) for id, model in zip(ids, models, strict=True) if id]


def _is_lacking(id: str, model: Mapping[str, Any], known: Mapping[str, dict[str, Any] | None]) -> bool:
    """Whether nobody has said if it runs."""
    return id in known and _view(known[id]) is None and _is_settled(model)


def _models(arm: Arm) -> list[dict[str, Any]]:
    return listed(arm, _LISTING, lambda: arm.pages(f"providers/{KIND}", VERSION)) or []


def _statuses(arm: Arm) -> list[dict[str, Any]]:
    return listed(arm, _LISTING, lambda: arm.pages(f"providers/{KIND}", VERSION, {"statusOnly": "true"})) or []


def _asked(arm: Arm, model: Mapping[str, Any]) -> Machine:
    """Lists may leave out the state of one that was just made."""
    view = find(arm, _LISTING, lambda: arm.send("GET", f"{model['id']}/instanceView", VERSION))
    return machine(model, {"properties": {"instanceView": view}} if view else None)


def _is_settled(model: Mapping[str, Any]) -> bool:
    return text(_properties(model).get("provisioningState")).lower() not in ("creating", "deleting")


def _properties(item: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return mapping((item or {}).get("properties"))


def _view(item: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    view = _properties(item).get("instanceView")
    return view if isinstance(view, Mapping) else None
