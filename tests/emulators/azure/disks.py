"""Microsoft.Compute/disks, and what else a machine may be asked: extensions, commands, its console."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .catalogue import disk_hourly
from .compute import extension_view, require
from .groups import check_location
from .machine import KIND
from .network import identity_of
from .parts import DISK, cloud_time
from .routing import Route
from .store import Resource
from .wire import ArmError, Call, Reply, conflict, not_found

if TYPE_CHECKING:
    from .cloud import Cloud

_DISKS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks"
_MACHINE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def put_disk(cloud: Cloud, call: Call) -> Reply:
    """An empty disk, for data."""
    cloud.group(call)
    check_location(call)
    identity = identity_of(call, DISK, call["name"])
    found = cloud.store.find(identity)
    disk = found or Resource(identity, DISK, call.location, cloud.now())
    kind = (call.body.get("sku") or {}).get("name", "Standard_LRS")
    disk.top["sku"] = {"name": kind, "tier": kind.split("_")[0].removesuffix("SSD")}
    if call.body.get("tags") is not None:
        disk.top["tags"] = call.body["tags"]
    disk.properties = {"diskState": "Unattached", "uniqueId": str(uuid.uuid4()), "timeCreated": cloud_time(cloud)}
    disk.properties |= call.body.get("properties") or {}
    cloud.store.put(disk)
    gib = int(disk.properties.get("diskSizeGB", 32))
    cloud.ledger.charge(disk.id, "disk", disk_hourly(kind, gib), cloud.now())
    operation = cloud.begin(disk, "compute", 3, first=2)
    return Reply(202 if found is None else 200, disk.view(), cloud.operations.headers(call, operation))


def get_disk(cloud: Cloud, call: Call) -> Reply:
    return Reply(200, _require_disk(cloud, call).view())


def _require_disk(cloud: Cloud, call: Call) -> Resource:
    cloud.group(call)
    found = cloud.store.find(identity_of(call, DISK, call["name"]))
    if found is None:
        raise not_found(call.path)
    return found


def patch_disk(cloud: Cloud, call: Call) -> Reply:
    disk = _require_disk(cloud, call)
    if call.body.get("tags") is not None:
        disk.top["tags"] = call.body["tags"]
    return Reply(200, disk.view())


def list_disks(cloud: Cloud, call: Call) -> Reply:
    under = cloud.group(call).id if "group" in call.parameters else f"/subscriptions/{call['subscription']}"
    return cloud.page(call, cloud.visible(DISK, under), Resource.view)


def delete_disk(cloud: Cloud, call: Call) -> Reply:
    cloud.group(call)
    disk = cloud.store.find(identity_of(call, DISK, call["name"]))
    if disk is None:
        return Reply(204)
    if holder := disk.top.get("managedBy"):
        raise conflict("OperationNotAllowed", f"Disk {disk.name} is attached to VM {holder}.")

    def finish(at: float) -> None:
        cloud.ledger.stop(disk.id, at)
        cloud.store.drop(disk)

    operation = cloud.begin(disk, "compute", 3, finish=finish, first=2, purpose="delete")
    return Reply(202, None, cloud.operations.headers(call, operation))


def put_extension(cloud: Cloud, call: Call) -> Reply:
    """Taken down and called installed: nothing is run on the machine."""
    machine = require(cloud, call)
    kind = f"{KIND}/extensions"
    identity = f"{machine.id}/extensions/{call['extension']}"
    found = cloud.store.find(identity)
    extension = found or Resource(identity, kind, machine.location, cloud.now())
    extension.properties = call.body.get("properties") or {}
    extension.state = "Creating" if found is None else "Updating"
    cloud.store.put(extension)

    def finish(at: float) -> None:
        extension.state = "Succeeded"

    def failed(at: float, error: ArmError) -> None:
        extension.state = "Failed"

    operation = cloud.begin(extension, "compute", 20, finish=finish, failed=failed)
    return Reply(201 if found is None else 200, extension.view(), cloud.operations.headers(call, operation))


def _require_extension(cloud: Cloud, call: Call) -> Resource:
    machine = require(cloud, call)
    found = cloud.store.find(f"{machine.id}/extensions/{call['extension']}")
    if found is None:
        raise not_found(call.path)
    return found


def get_extension(cloud: Cloud, call: Call) -> Reply:
    found = _require_extension(cloud, call).view()
    if "instanceView" in call.query.get("$expand", ""):
        found["properties"]["instanceView"] = extension_view(_require_extension(cloud, call))
    return Reply(200, found)


def list_extensions(cloud: Cloud, call: Call) -> Reply:
    found = cloud.store.of_kind(f"{KIND}/extensions", require(cloud, call).id)
    return Reply(200, {"value": [one.view() for one in found]})


def delete_extension(cloud: Cloud, call: Call) -> Reply:
    extension = _require_extension(cloud, call)
    extension.state = "Deleting"

    def finish(at: float) -> None:
        cloud.store.drop(extension)

    operation = cloud.begin(extension, "compute", 10, finish=finish, purpose="delete")
    return Reply(202, None, cloud.operations.headers(call, operation))


def run_command(cloud: Cloud, call: Call) -> Reply:
    """Run a script as root on the machine's computer; without one, it is answered as an empty one."""
    machine = require(cloud, call)
    if machine.power != "running":
        raise conflict("OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")
    script = "\n".join(call.body.get("script") or [])
    job = cloud.computers.run(machine, script) if cloud.computers else None

    def finish(at: float) -> None:
        out, err = job.result() if job else ("", "")
        text = f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\n{err}"[-4096:]
        status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
        operation.output = {"value": [{**status, "message": text}]}

    operation = cloud.begin(machine, "compute", 20, finish=finish, job=job, first=10, purpose="runCommand")
    return Reply(202, None, cloud.operations.headers(call, operation))


def console(cloud: Cloud, call: Call) -> Reply:
    machine = require(cloud, call)
    where = f"{call.base}/console/{machine.vm_id}"
    return Reply(200, {"consoleScreenshotBlobUri": f"{where}.bmp", "serialConsoleLogBlobUri": f"{where}.log"})


def console_log(cloud: Cloud, call: Call) -> Reply:
    """What the machine's computer said as it started."""
    text = cloud.computers.console(call["log"].partition(".")[0]) if cloud.computers else ""
    return Reply(200, text.encode(), {"Content-Type": "text/plain"})


ROUTES = (
    Route("disks.create", "PUT", f"{_DISKS}/{{name}}", put_disk),
    Route("disks.get", "GET", f"{_DISKS}/{{name}}", get_disk),
    Route("disks.update", "PATCH", f"{_DISKS}/{{name}}", patch_disk),
    Route("disks.delete", "DELETE", f"{_DISKS}/{{name}}", delete_disk),
    Route("disks.list", "GET", _DISKS, list_disks),
    Route("disks.listAll", "GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/disks", list_disks),
    Route("extensions.create", "PUT", f"{_MACHINE}/extensions/{{extension}}", put_extension),
    Route("extensions.get", "GET", f"{_MACHINE}/extensions/{{extension}}", get_extension),
    Route("extensions.delete", "DELETE", f"{_MACHINE}/extensions/{{extension}}", delete_extension),
    Route("extensions.list", "GET", f"{_MACHINE}/extensions", list_extensions),
    Route("virtualMachines.runCommand", "POST", f"{_MACHINE}/runCommand", run_command),
    Route("virtualMachines.console", "POST", f"{_MACHINE}/retrieveBootDiagnosticsData", console),
    Route("console.log", "GET", "/console/{log}", console_log, open=True, versioned=False),
)
