"""What is done to a machine's power, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .limits import Use
from .machine import BILLED, Machine
from .routing import Handler, Route
from .wire import ArmError, Call, Reply, conflict

if TYPE_CHECKING:
    from .cloud import Cloud

_ROOT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"
EVICTED_AFTER = 30
"""Seconds of notice that a spot machine gets."""


@dataclass(frozen=True)
class Action:
    """`during` and `after` are power states, `seconds` how long it takes on Azure. `needs`: what it can be done in."""

    name: str
    during: str
    after: str
    seconds: float
    needs: tuple[str, ...] = ()


ACTIONS = {
    action.name: action
    for action in (
        Action("start", "starting", "running", 25),
        Action("restart", "running", "running", 25, ("running", "stopped")),
        Action("powerOff", "stopping", "stopped", 20, ("running", "stopped", "starting", "stopping")),
        Action("deallocate", "deallocating", "deallocated", 30),
        Action("redeploy", "stopping", "running", 60, ("running", "stopped")),
        Action("reapply", "", "", 10),
    )
}


def set_power(cloud: Cloud, machine: Machine, power: str, at: float) -> None:
    """It is in that power state from then on, and costs what that costs."""
    machine.power, machine.since = power, at
    disk = cloud.store.find(machine.disk_id) if machine.disk_id else None
    if disk is not None:
        disk.properties["diskState"] = "Reserved" if power == "deallocated" else "Attached"
    cloud.ledger.charge(machine.id, "machine", machine.hourly if power in BILLED else 0, at)


def act(cloud: Cloud, call: Call, action: Action) -> Reply:
    from .compute import require

    machine = require(cloud, call)
    operation = begin(cloud, machine, action, call)
    return Reply(202, None, cloud.operations.headers(call, operation))


def begin(cloud: Cloud, machine: Machine, action: Action, call: Call | None = None) -> Any:
    """Start doing it; what is being done already is joined, what stands against it is told (409)."""
    running = machine.operation
    if running is not None and running.runs:
        if running.purpose == action.name:
            return running
        _check_gives_way(running.purpose, action.name)
        running.preempt(cloud.now())
    _check(machine, action)
    before = machine.power
    error = _shortage(cloud, machine) if action.name == "start" and before not in BILLED else None
    skips = before == action.after and action.name != "restart"
    machine.state = "Updating"
    if not skips and action.during:
        set_power(cloud, machine, action.during, cloud.now())

    def finish(at: float) -> None:
        machine.state, machine.failure = "Succeeded", ""
        if action.after:
            set_power(cloud, machine, action.after, at)

    def failed(at: float, error: ArmError) -> None:
        machine.state, machine.failure = "Failed", error.code
        set_power(cloud, machine, before, at)

    real = None if error or skips or cloud.late else _job(cloud, machine, action, before)
    return cloud.begin(
        machine, "compute", 1 if skips else action.seconds, finish=finish, failed=failed, job=real, error=error,
        poll=10, first=10, purpose=action.name,
    )  # fmt: skip


def _check_gives_way(running: str, wanted: str) -> None:
    if wanted in ("deallocate", "powerOff") and running in ("start", "restart", "powerOff"):
        return
    raise conflict(
        "Conflict",
        "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
        "https://aka.ms/activitylog to get more details on the conflicting requests.",
    )


def _check(machine: Machine, action: Action) -> None:
    if machine.state == "Deleting":
        raise conflict("OperationNotAllowed", f"VM '{machine.name}' is being deleted.")
    if action.name == "deallocate" and machine.is_ephemeral:
        raise conflict(
            "OperationNotAllowed", "Operation 'deallocate' is not supported for VMs with an ephemeral OS disk."
        )
    if action.needs and machine.power not in action.needs:
        message = f"Cannot {action.name} VM '{machine.name}': it is in power state '{machine.power}'."
        raise conflict("OperationNotAllowed", message)


def _shortage(cloud: Cloud, machine: Machine) -> ArmError | None:
    """A machine that starts needs a place: where there is none, that is told at the end."""
    from .checks import others

    wanted = Use(machine.size, machine.location, machine.zone, machine.is_spot, True)
    found = cloud.limits.shortage(others(cloud, machine.subscription), wanted)
    if found is not None and found.status >= 400:
        return ArmError(200, "AllocationFailed", found.message)
    return found


def _job(cloud: Cloud, machine: Machine, action: Action, before: str) -> Future[Any] | None:
    if cloud.computers is None:
        return None
    if action.name in ("powerOff", "deallocate"):
        return cloud.computers.stop(machine)
    if action.name == "start":
        return cloud.computers.start(cloud, machine)
    return cloud.computers.restart(cloud, machine) if action.after == "running" else None


def notice(cloud: Cloud, machine: Machine) -> Machine:
    """Switched off from within, it is stopped: still in its place, still paid for."""
    if cloud.computers and machine.power == "running" and not machine.is_busy and cloud.computers.is_off(machine):
        set_power(cloud, machine, "stopped", cloud.now())
    return machine


def simulate_eviction(cloud: Cloud, call: Call) -> Reply:
    """A spot machine is told of it, and gone half a minute later."""
    from .compute import require

    machine = require(cloud, call)
    if not machine.is_spot:
        raise conflict(
            "OperationNotAllowed", "Operation 'simulateEviction' is not allowed since the VM is not a Spot VM."
        )
    evict(cloud, machine)
    return Reply(204)


def evict(cloud: Cloud, machine: Machine, notice: float = EVICTED_AFTER) -> None:
    due = cloud.now() + notice
    machine.events.append({"EventType": "Preempt", "EventStatus": "Scheduled", "due": due})

    def gone(at: float) -> None:
        machine.events.clear()
        if cloud.store.find(machine.id) is not machine:
            return
        if machine.properties.get("evictionPolicy", "Deallocate") == "Deallocate":
            if machine.power not in ("deallocated", "deallocating"):
                begin(cloud, machine, ACTIONS["deallocate"])
            return
        from .parts import release

        if cloud.computers:
            cloud.computers.destroy([machine])
        release(cloud, machine, at)

    cloud.at(due, gone)


def _handler(action: Action) -> Handler:
    return lambda cloud, call: act(cloud, call, action)


def _routes() -> tuple[Route, ...]:
    handlers: list[tuple[str, Callable[[Cloud, Call], Reply]]] = [
        (name, _handler(one)) for name, one in ACTIONS.items()
    ]
    handlers.append(("simulateEviction", simulate_eviction))
    return tuple(Route(f"virtualMachines.{name}", "POST", f"{_ROOT}/{name}", handle) for name, handle in handlers)


ROUTES = _routes()
