"""Removing a machine with all that was made for it, and what failed attempts left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ez.errors import CloudError
from ez.events import Sink
from ez.models import Workspace
from ez.providers.azure.calls import gone, tell
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt
from ez.providers.azure.identity import forget_assignment
from ez.providers.azure.listing import KIND, one_machine
from ez.providers.azure.names import Names, group_name, names, schedule_name
from ez.providers.azure.owners import check_owner
from ez.providers.azure.place import contents, give_up
from ez.providers.tags import CREATE_ID, marks_of
from ez.providers.together import side_by_side

SCHEDULE = "Microsoft.DevTestLab/schedules"

_ORDER = (
    ("microsoft.compute/virtualmachines",),
    ("microsoft.network/networkinterfaces", "microsoft.devtestlab/schedules"),
    ("microsoft.network/publicipaddresses", "microsoft.network/networksecuritygroups", "microsoft.compute/disks"),
)
"""What has to go before what."""


def delete(arm: Arm, workspace: Workspace, name: str, create_id: str, sink: Sink, *, fenced: bool = False) -> None:
    """Remove the machine, its card, address, disk, door, schedule and right; then the place, if it was the last.

    A part whose machine is gone already, or never was, goes too: `create_id` is that of the attempt that the index
    knows of, since lists may not show what was made a moment ago, and `fenced` whether it knows of a schedule. Raises
    UsageError for another person's, CloudError.
    """
    attempt = Attempt(f"delete `{name}`")
    group = group_name(workspace.name)
    model = one_machine(arm, workspace.name, name, attempt)
    if model is not None:
        check_owner(model, workspace, name)
        tell(sink, f"deleting {name}")
        create_id = marks_of(model.get("tags")).create_id
        forget_assignment(arm, str(model["id"]), create_id)
    things = _things(contents(arm, group, attempt), workspace, name, model)
    if create_id:
        things += parts(arm, names(workspace.name, name, create_id, arm.subscription))
    if fenced:
        things.append(arm.id(group, SCHEDULE, schedule_name(name)))
    for id in {thing.lower(): thing for thing in things if kind_of(thing) == SCHEDULE.lower()}.values():
        forget_assignment(arm, id, create_id)
    removed = remove_in_order(arm, attempt, things)
    give_up(arm, workspace, attempt, removed, sink)


def parts(arm: Arm, names: Names) -> list[str]:
    """The ids of what an attempt makes beside the machine."""
    kinds = {
        "Microsoft.Network/networkInterfaces": names.card,
        "Microsoft.Network/publicIPAddresses": names.address,
        "Microsoft.Network/networkSecurityGroups": names.security,
        "Microsoft.Compute/disks": names.disk,
    }
    return [arm.id(names.group, kind, name) for kind, name in kinds.items()]


def remove_in_order(arm: Arm, attempt: Attempt, ids: Sequence[str]) -> list[str]:
    """Remove resources by their ids, machines first; gives the ids. Raises CloudError."""
    once = [*{id.lower(): id for id in ids}.values()]
    for kinds in _ORDER:
        side_by_side([partial(gone, arm, attempt, id) for id in once if kind_of(id) in kinds])
    return once


def remove_attempt(arm: Arm, workspace: str, names: Names, create_id: str, sink: Sink) -> None:
    """Remove what an attempt made, by the names it used, since lists may not show it yet. What Azure does not let go
    of (a card stays reserved for minutes, and what it uses with it) is left for `leftovers`."""
    attempt = Attempt("remove what was made")
    tell(sink, f"removing what was made for {names.machine}")
    machine = arm.id(names.group, KIND, names.machine)
    with suppress(CloudError):
        present = one_machine(arm, workspace, names.machine, attempt)
        if present and (present.get("tags") or {}).get(CREATE_ID) == create_id:
            forget_assignment(arm, machine, create_id)
            gone(arm, attempt, machine)
    for kinds in _ORDER:
        went = side_by_side(
            [partial(_try_to_remove, arm, attempt, id) for id in parts(arm, names) if kind_of(id) in kinds]
        )
        if not all(went):
            return


def kind_of(id: str) -> str:
    """`microsoft.compute/disks` of an id."""
    namespace, _, rest = id.lower().rpartition("/providers/")[2].partition("/")
    return f"{namespace}/{rest.partition('/')[0]}"


def _things(
    resources: Sequence[Mapping[str, Any]], workspace: Workspace, name: str, model: Mapping[str, Any] | None
) -> list[str]:
    """The ids of what belongs to the machine: it itself, and what its tags say."""
    found = [str(model["id"])] if model else []
    for resource in resources:
        marks = marks_of(resource.get("tags"))
        mine = marks.computer == name and marks.workspace == workspace.name
        mine = mine and marks.owner == workspace.owner
        if mine:
            found.append(str(resource["id"]))
    return found


def _try_to_remove(arm: Arm, attempt: Attempt, id: str) -> bool:
    try:
        gone(arm, attempt, id)
    except CloudError:
        return False
    return True
