"""Microsoft.Compute/virtualMachines: made, read, listed, changed, deleted."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any

from . import parts
from .checks import Wanted, check_size, check_unchanged, others, understand
from .groups import check_location
from .machine import KIND, Machine
from .network import check_match, identity_of
from .power import notice, set_power
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, conflict, not_found

if TYPE_CHECKING:
    from .cloud import Cloud

CREATES_IN, UPDATES_IN, DELETES_IN = 45, 20, 40
RESERVED = 180
"""For how many seconds the interfaces of a machine that could not be made are kept for it."""
_STARTS_ALL_THE_SAME = (
    "OSProvisioningTimedOut",
    "OSProvisioningInternalError",
    "VMAgentStatusCommunicationError",
    "VMExtensionHandlerNonTransientError",
    "VMExtensionProvisioningError",
)
_ROOT = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines"


def put(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    check_location(call)
    found = find(cloud, call)
    check_match(call, found)
    if found is not None:
        return _replace(cloud, call, found)
    wanted = understand(cloud, call)
    uses = others(cloud, call["subscription"])
    use = wanted.use(call.location)
    cloud.limits.check_restrictions(use)
    cloud.limits.check_quota(uses, use)
    shortage = cloud.limits.shortage(uses, use)
    if shortage is not None and shortage.status >= 400:
        raise shortage
    machine = _made(cloud, call, wanted)
    return _begin_create(cloud, call, machine, shortage)


def _made(cloud: Cloud, call: Call, wanted: Wanted) -> Machine:
    now = cloud.now()
    machine = Machine(identity_of(call, KIND, call["name"]), KIND, call.location, now, since=now)
    machine.asked_name, machine.custom_data = wanted.size_name, wanted.custom_data
    machine.state = "Creating"
    for name in ("tags", "zones", "plan"):
        if call.body.get(name):
            machine.top[name] = call.body[name]
    given = copy.deepcopy(call.body.get("properties") or {})
    machine.user_data = given.pop("userData", "")
    machine.properties = _model(given, machine, wanted)
    machine.properties["networkProfile"] = parts.attach_network(cloud, call, machine, given.get("networkProfile") or {})
    parts.make_disk(cloud, call, machine, wanted)
    parts.give_identity(cloud, machine, call.body.get("identity"))
    cloud.store.put(machine)
    return machine


def _model(given: dict[str, Any], machine: Machine, wanted: Wanted) -> dict[str, Any]:
    """The body with what Azure adds to it, and without what it never shows again."""
    profile = given.get("osProfile") or {}
    for name in ("customData", "adminPassword"):
        profile.pop(name, None)
    linux = profile.setdefault("linuxConfiguration", {})
    linux.setdefault("provisionVMAgent", True)
    linux.setdefault("enableVMAgentPlatformUpdates", False)
    linux.setdefault("patchSettings", {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"})
    usual = {"secrets": [], "allowExtensionOperations": True, "requireGuestProvisionSignal": True}
    storage = given.get("storageProfile") or {}
    storage.setdefault("dataDisks", [])
    storage.setdefault("diskControllerType", "SCSI")
    if wanted.version:
        storage["imageReference"]["exactVersion"] = wanted.version
    disk = storage.setdefault("osDisk", {})
    disk.setdefault("name", f"{machine.name}_OsDisk_1_{uuid.uuid4().hex}")
    disk.setdefault("caching", "ReadWrite")
    disk.setdefault("deleteOption", "Detach")
    disk |= {"osType": "Linux", "diskSizeGB": wanted.disk_gib}
    disk.setdefault("managedDisk", {}).setdefault("storageAccountType", "Premium_LRS")
    found = {"hardwareProfile": {}, "storageProfile": storage, "osProfile": {**profile, **usual}}
    kept = ("priority", "evictionPolicy", "billingProfile", "securityProfile", "diagnosticsProfile")
    return {**found, **{name: given[name] for name in kept if name in given}}


def _begin_create(cloud: Cloud, call: Call, machine: Machine, shortage: ArmError | None) -> Reply:
    error = shortage or cloud.late

    def finish(at: float) -> None:
        machine.state, machine.failure = "Succeeded", ""
        set_power(cloud, machine, "running", at)

    def failed(at: float, error: ArmError) -> None:
        machine.state, machine.failure = "Failed", error.code
        if error.code in _STARTS_ALL_THE_SAME:
            set_power(cloud, machine, "running", at)
            return
        set_power(cloud, machine, "", at)
        for one in machine.interfaces:
            if interface := cloud.store.find(one["id"]):
                interface.reserved_until = at + RESERVED

    job = cloud.computers.boot(cloud, machine) if cloud.computers and error is None else None
    operation = cloud.begin(
        machine, "compute", CREATES_IN, finish=finish, failed=failed, job=job, error=shortage, poll=35, first=10,
        purpose="create",
    )  # fmt: skip
    return Reply(201, machine.shown(), cloud.operations.headers(call, operation))


def _replace(cloud: Cloud, call: Call, machine: Machine) -> Reply:
    check_unchanged(call, machine)
    return _change(cloud, call, machine)


def patch(cloud: Cloud, call: Call) -> Reply:
    return _change(cloud, call, require(cloud, call))


def _change(cloud: Cloud, call: Call, machine: Machine) -> Reply:
    """Tags, identity, user data, delete options, and the size, for which a running machine is restarted."""
    check_idle(machine)
    properties = call.body.get("properties") or {}
    size = (properties.get("hardwareProfile") or {}).get("vmSize", machine.asked_name)
    shortage = _check_resize(cloud, machine, size) if size.lower() != machine.asked_name.lower() else None
    before = machine.asked_name
    machine.state = "Updating"
    if call.body.get("tags") is not None:
        machine.top["tags"] = call.body["tags"]
    if "identity" in call.body:
        parts.give_identity(cloud, machine, call.body["identity"])
    machine.user_data = properties.get("userData", machine.user_data)
    parts.change_delete_options(cloud, machine, properties)
    machine.asked_name = size

    def finish(at: float) -> None:
        machine.state, machine.failure = "Succeeded", ""
        set_power(cloud, machine, machine.power, at)

    def failed(at: float, error: ArmError) -> None:
        machine.state, machine.failure, machine.asked_name = "Failed", error.code, before
        set_power(cloud, machine, machine.power, at)

    restarts = cloud.computers if size != before and machine.power == "running" else None
    job = restarts.restart(cloud, machine) if restarts else None
    operation = cloud.begin(
        machine, "compute", UPDATES_IN, finish=finish, failed=failed, job=job, error=shortage, poll=10, purpose="update"
    )
    return Reply(200, machine.shown(), cloud.operations.headers(call, operation))


def _check_resize(cloud: Cloud, machine: Machine, name: str) -> ArmError | None:
    size, _ = check_size(name, machine.location)
    uses = others(cloud, machine.subscription, machine)
    wanted = Wanted(size, name, None, "", machine.is_spot, machine.zone, b"", 0).use(machine.location)
    cloud.limits.check_restrictions(wanted)
    cloud.limits.check_quota(uses, wanted)
    return cloud.limits.shortage(uses, wanted) if machine.use.runs else None


def check_idle(machine: Machine) -> None:
    if machine.is_busy:
        raise conflict(
            "Conflict",
            "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
            "https://aka.ms/activitylog to get more details on the conflicting requests.",
        )


def find(cloud: Cloud, call: Call) -> Machine | None:
    found = cloud.store.find(identity_of(call, KIND, call["name"]))
    return found if isinstance(found, Machine) else None


def require(cloud: Cloud, call: Call) -> Machine:
    """The machine that the call is about; 404 in the gateway's spelling or that of compute."""
    cloud.group(call)
    found = find(cloud, call)
    if found is None:
        raise not_found(call.path.rpartition("/")[0] if call.method == "POST" else call.path)
    return notice(cloud, found)


def get(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, with_extensions(cloud, require(cloud, call), call.query.get("$expand", "")))


def with_extensions(cloud: Cloud, machine: Machine, expand: str = "", *, upper: bool = False) -> dict[str, Any]:
    found = machine.shown(expand=expand, upper=upper)
    extensions = cloud.store.of_kind(f"{KIND}/extensions", machine.id)
    return {**found, "resources": [one.view() for one in extensions]} if extensions else found


def view(cloud: Cloud, call: Call) -> Reply:
    machine = require(cloud, call)
    found = machine.instance_view()
    extensions = cloud.store.of_kind(f"{KIND}/extensions", machine.id)
    if extensions and "vmAgent" in found:
        found["extensions"] = [extension_view(one) for one in extensions]
    return Reply(200, found)


def extension_view(extension: Resource) -> dict[str, Any]:
    """As the agent on the machine tells of it."""
    state = extension.state.lower()
    status = {"code": f"ProvisioningState/{state}", "level": "Info", "displayStatus": f"Provisioning {state}"}
    given = extension.properties
    kind = f"{given.get('publisher')}.{given.get('type')}"
    version = given.get("typeHandlerVersion", "")
    return {"name": extension.name, "type": kind, "typeHandlerVersion": version, "statuses": [status]}


def list_group(cloud: Cloud, call: Call) -> Reply:
    found = cloud.visible(KIND, cloud.group(call).id)
    return cloud.page(call, [one for one in found if isinstance(one, Machine)], Machine.shown)


def list_all(cloud: Cloud, call: Call) -> Reply:
    """With `statusOnly` what changes, else what was asked for: no call tells both."""
    found = cloud.visible(KIND, f"/subscriptions/{call['subscription']}")
    machines = [notice(cloud, one) for one in found if isinstance(one, Machine)]
    if place := call.parameters.get("location"):
        machines = [one for one in machines if one.location == place.lower()]
    if call.query.get("statusonly", "").lower() == "true":
        return cloud.page(call, machines, Machine.status_only)
    return cloud.page(call, machines, lambda one: with_extensions(cloud, one, upper=True))


def delete(cloud: Cloud, call: Call) -> Reply:
    """204 where it is not there. What it was doing is given up for it."""
    cloud.group(call)
    machine = find(cloud, call)
    if machine is None:
        return Reply(204)
    now = cloud.now()
    running = machine.operation
    if running is not None and running.runs:
        if running.purpose == "delete":
            return Reply(202, None, cloud.operations.headers(call, running))
        running.preempt(now)
    machine.state = "Deleting"

    def finish(at: float) -> None:
        parts.release(cloud, machine, at)

    def failed(at: float, error: ArmError) -> None:
        machine.state, machine.failure = "Failed", error.code

    job = cloud.computers.destroy([machine]) if cloud.computers and cloud.late is None else None
    operation = cloud.begin(
        machine, "compute", DELETES_IN, finish=finish, failed=failed, job=job, poll=30, first=10, purpose="delete"
    )
    return Reply(202, None, cloud.operations.headers(call, operation))


def operation_status(cloud: Cloud, call: Call) -> Reply:
    return cloud.operations.answer(call, call["operation"], monitor=call.query.get("monitor") == "true")


_EVERYWHERE = "/subscriptions/{subscription}/providers/Microsoft.Compute"

ROUTES = (
    Route("virtualMachines.create", "PUT", f"{_ROOT}/{{name}}", put),
    Route("virtualMachines.update", "PATCH", f"{_ROOT}/{{name}}", patch),
    Route("virtualMachines.get", "GET", f"{_ROOT}/{{name}}", get),
    Route("virtualMachines.view", "GET", f"{_ROOT}/{{name}}/instanceView", view),
    Route("virtualMachines.delete", "DELETE", f"{_ROOT}/{{name}}", delete),
    Route("virtualMachines.list", "GET", _ROOT, list_group),
    Route("virtualMachines.listAll", "GET", f"{_EVERYWHERE}/virtualMachines", list_all),
    Route("virtualMachines.listByLocation", "GET", f"{_EVERYWHERE}/locations/{{location}}/virtualMachines", list_all),
    Route(
        "operations.compute", "GET", f"{_EVERYWHERE}/locations/{{location}}/operations/{{operation}}", operation_status
    ),
)
