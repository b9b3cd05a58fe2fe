"""Starting, stopping, restarting and resizing a machine that is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ez.errors import CapacityError, CloudError
from ez.events import Sink
from ez.models import Workspace
from ez.providers.azure.calls import done, listed, tell
from ez.providers.azure.client import Arm
from ez.providers.azure.errors import Attempt, Reason, explain
from ez.providers.azure.identity import keep_right
from ez.providers.azure.listing import machine, one_machine
from ez.providers.azure.names import group_name
from ez.providers.azure.owners import own_machine
from ez.providers.base import Machine, Size
from ez.providers.together import side_by_side

_LOOKS = 600
_ON_THE_WAY = ("creating", "starting", "stopping", "deallocating")


def start(arm: Arm, workspace: Workspace, name: str, sink: Sink) -> Machine:
    """Have it run; one that is just being made or changed is waited for first, and gets the right to stop itself if
    whoever made it was interrupted before that. Raises CapacityError, CloudError, UsageError."""
    model, now = _settled(arm, workspace, name, f"start `{name}`", sink)
    attempt = _attempt(f"start `{name}`", model)
    if now.power in ("failed", "deleting"):
        raise explain(Reason(now.error or "Conflict"), attempt)
    if now.power == "running":
        keep_right(arm, model)
        return now
    tell(sink, f"starting {name}")
    action = arm.compute.virtual_machines.begin_start
    side_by_side([partial(_act, arm, workspace, name, attempt, sink, action), partial(keep_right, arm, model)])
    return _look(arm, workspace, name, attempt)


def stop(arm: Arm, workspace: Workspace, name: str, sink: Sink) -> Machine:
    """Deallocate it: a machine that is only switched off is paid for. Raises CloudError, UsageError."""
    model, now = _settled(arm, workspace, name, f"stop `{name}`", sink)
    if now.power == "deallocated":
        return now
    tell(sink, f"stopping {name}")
    action = arm.compute.virtual_machines.begin_deallocate
    attempt = _attempt(f"stop `{name}`", model)
    _act(arm, workspace, name, attempt, sink, action)
    return _look(arm, workspace, name, attempt)


def restart(arm: Arm, workspace: Workspace, name: str, sink: Sink) -> Machine:
    """Restart it; one that does not run is started. Raises CapacityError, CloudError, UsageError."""
    model, now = _settled(arm, workspace, name, f"restart `{name}`", sink)
    if now.power != "running":
        return start(arm, workspace, name, sink)
    tell(sink, f"restarting {name}")
    action = arm.compute.virtual_machines.begin_restart
    attempt = _attempt(f"restart `{name}`", model)
    _act(arm, workspace, name, attempt, sink, action)
    return _look(arm, workspace, name, attempt)


def resize(arm: Arm, workspace: Workspace, name: str, size: Size, sink: Sink) -> Machine:
    """Give it another size, and have it run if it ran. Where the hardware under it has not that size it is deallocated
    first; where there is no room for it, it gets its old size back. Raises CapacityError, CloudError, UsageError."""
    doing = f"resize `{name}`"
    now = _settled(arm, workspace, name, doing, sink)[1]
    if now.size.lower() == size.name.lower():
        return now
    attempt = Attempt(doing, size.name, size.family, now.region, now.zone, now.spot)
    ran = now.power == "running"
    if ran and not _fits_there(arm, workspace, name, size, attempt):
        stop(arm, workspace, name, sink)
    tell(sink, f"changing {name} from {now.size} to {size.name}")
    try:
        _change_size(arm, workspace, name, size.name, attempt, sink)
        return start(arm, workspace, name, sink) if ran else _look(arm, workspace, name, attempt)
    except CapacityError:
        _back(arm, workspace, name, now.size, ran, sink)
        raise


def _back(arm: Arm, workspace: Workspace, name: str, size: str, ran: bool, sink: Sink) -> None:
    attempt = Attempt(f"give `{name}` its size back", size)
    now = _look(arm, workspace, name, attempt)
    if now.size.lower() != size.lower():
        _change_size(arm, workspace, name, size, attempt, sink)
    if ran:
        start(arm, workspace, name, sink)


def _change_size(arm: Arm, workspace: Workspace, name: str, size: str, attempt: Attempt, sink: Sink) -> None:
    body = {"properties": {"hardwareProfile": {"vmSize": size}}}
    group = group_name(workspace.name)
    done(arm, attempt, lambda: arm.compute.virtual_machines.begin_update(group, name, body), sink)


def _fits_there(arm: Arm, workspace: Workspace, name: str, size: Size, attempt: Attempt) -> bool:
    group = group_name(workspace.name)
    sizes = listed(arm, attempt, lambda: arm.compute.virtual_machines.list_available_sizes(group, name)) or []
    return any(str(each["name"]).lower() == size.name.lower() for each in sizes)


def _act(arm: Arm, workspace: Workspace, name: str, attempt: Attempt, sink: Sink, action: Callable[..., Any]) -> None:
    group = group_name(workspace.name)
    done(arm, attempt, lambda: action(group, name), sink)


def _settled(arm: Arm, workspace: Workspace, name: str, doing: str, sink: Sink) -> tuple[Mapping[str, Any], Machine]:
    """The machine once nothing is happening to it. Raises UsageError for another person's, CloudError."""
    attempt = Attempt(doing)
    told = False
    for _ in range(_LOOKS):
        model = own_machine(arm, workspace, name, attempt)
        now = machine(model)
        if now.power not in _ON_THE_WAY:
            return model, now
        if not told:
            tell(sink, f"waiting for {name}, which is {now.power}")
            told = True
        time.sleep(arm.pause)
    raise explain(Reason("Conflict"), attempt)


def _look(arm: Arm, workspace: Workspace, name: str, attempt: Attempt) -> Machine:
    model = one_machine(arm, workspace.name, name, attempt)
    if model is None:
        raise CloudError(f"cannot {attempt.doing}: it was deleted meanwhile", "ez compute ls --all", code="NotFound")
    return machine(model)


def _attempt(doing: str, model: Mapping[str, Any]) -> Attempt:
    now = machine(model)
    return Attempt(doing, now.size, "", now.region, now.zone, now.spot)
