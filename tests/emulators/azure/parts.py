"""What belongs to a machine: its disk, its interfaces with their addresses, its identity, and what becomes of them."""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

from .catalogue import disk_hourly
from .checks import Wanted
from .interfaces import fill_address, fill_interface
from .machine import Machine
from .network import ADDRESS, INTERFACE, identity_of, remove, touch
from .store import Resource
from .wire import Call, bad

if TYPE_CHECKING:
    from .cloud import Cloud

DISK = "Microsoft.Compute/disks"


def make_disk(cloud: Cloud, call: Call, machine: Machine, wanted: Wanted) -> None:
    """The disk of its system, paid for from now on; an ephemeral one is the host's."""
    now = cloud.now()
    given = machine.properties["storageProfile"]["osDisk"]
    if machine.is_ephemeral:
        return
    kind = given["managedDisk"]["storageAccountType"]
    disk = Resource(identity_of(call, DISK, given["name"]), DISK, machine.location, now)
    disk.top = {"managedBy": machine.id, "sku": {"name": kind, "tier": kind.split("_")[0].removesuffix("SSD")}}
    disk.top |= {name: machine.top[name] for name in ("tags", "zones") if name in machine.top}
    disk.properties = {
        "osType": "Linux", "hyperVGeneration": wanted.image.generation if wanted.image else "V2",
        "creationData": {"createOption": "FromImage"}, "diskSizeGB": wanted.disk_gib, "diskState": "Attached",
        "diskSizeBytes": wanted.disk_gib << 30, "uniqueId": str(uuid.uuid4()), "networkAccessPolicy": "AllowAll",
        "timeCreated": cloud_time(cloud),
    }  # fmt: skip
    cloud.store.put(disk)
    given["managedDisk"]["id"] = disk.id
    cloud.ledger.charge(disk.id, "disk", disk_hourly(kind, wanted.disk_gib), now)


def cloud_time(cloud: Cloud) -> str:
    from .clock import stamp

    return stamp(cloud.now())


def attach_network(cloud: Cloud, call: Call, machine: Machine, given: dict[str, Any]) -> dict[str, Any]:
    """The interfaces that the body names, or those that it describes, made now."""
    wanted = given.get("networkInterfaces") or []
    inline = given.get("networkInterfaceConfigurations") or []
    if not wanted and not inline:
        raise bad("Virtual machine must have at least one network interface.", "networkProfile")
    if inline and not given.get("networkApiVersion"):
        raise bad("networkApiVersion is required with networkInterfaceConfigurations.", "networkApiVersion")
    found = [_attached(cloud, machine, one) for one in wanted]
    found += [_described(cloud, call, machine, one) for one in inline]
    return {"networkInterfaces": found}


def _attached(cloud: Cloud, machine: Machine, given: dict[str, Any]) -> dict[str, Any]:
    interface = cloud.store.find(given.get("id", ""))
    if interface is None or interface.kind != INTERFACE:
        raise bad(f"Resource {given.get('id')} referenced by resource {machine.id} was not found. Please make sure "
                  f"that the "
                  "referenced resource exists, and that both resources are in the same region.",
                  code="InvalidResourceReference")  # fmt: skip
    if interface.location != machine.location:
        raise bad(f"Resource {interface.id} is in another region than {machine.id}.", code="InvalidResourceReference")
    used = interface.properties.get("virtualMachine")
    if used and used["id"].lower() != machine.id.lower():
        raise bad(f"Network Interface {interface.id} is used by existing resource {used['id']}.", code="NicInUse")
    if interface.reserved_until > cloud.now():
        raise bad("Nic(s) in request is reserved for another Virtual Machine for 180 seconds. Please provide another "
                  "nic(s) "
                  "or retry after 180 seconds.", code="NicReservedForAnotherVm")  # fmt: skip
    interface.properties["virtualMachine"] = {"id": machine.id}
    interface.properties["macAddress"] = "00-22-48-" + "-".join(f"{byte:02X}" for byte in uuid.uuid4().bytes[:3])
    touch(interface)
    options = {"primary": True, "deleteOption": "Detach", **(given.get("properties") or {})}
    return {"id": interface.id, "properties": options}


def _described(cloud: Cloud, call: Call, machine: Machine, given: dict[str, Any]) -> dict[str, Any]:
    """An interface of Azure's making: its name and that of its address begin with those that were given."""
    properties = given.get("properties") or {}
    suffix = uuid.uuid4().hex[:8]
    configurations = []
    for one in properties.get("ipConfigurations") or []:
        wanted = dict(one.get("properties") or {})
        if public := wanted.pop("publicIPAddressConfiguration", None):
            wanted["publicIPAddress"] = {"id": _described_address(cloud, call, machine, public, suffix).id}
        configurations.append({"name": one["name"], "properties": wanted})
    interface = _new(cloud, call, machine, INTERFACE, f"{given['name']}-{suffix}")
    body = {"location": machine.location, "properties": {**properties, "ipConfigurations": configurations}}
    fill_interface(cloud, dataclasses.replace(call, body=body), interface)
    cloud.store.put(interface)
    primary = {"primary": properties.get("primary", True), "deleteOption": properties.get("deleteOption", "Detach")}
    return _attached(cloud, machine, {"id": interface.id, "properties": primary})


def _described_address(cloud: Cloud, call: Call, machine: Machine, given: dict[str, Any], suffix: str) -> Resource:
    properties = given.get("properties") or {}
    address = _new(cloud, call, machine, ADDRESS, f"{given['name']}-{suffix}")
    body = {"location": machine.location, "sku": given.get("sku"), "zones": machine.top.get("zones")}
    body["properties"] = {"deleteOption": "Detach", **properties}
    fill_address(cloud, dataclasses.replace(call, body=body), address)
    return cloud.store.put(address)


def _new(cloud: Cloud, call: Call, machine: Machine, kind: str, name: str) -> Resource:
    found = Resource(identity_of(call, kind, name), kind, machine.location, cloud.now())
    if machine.tags:
        found.top["tags"] = machine.tags
    touch(found)
    return found


def give_identity(cloud: Cloud, machine: Machine, given: dict[str, Any] | None) -> None:
    """`SystemAssigned` makes one, which goes with the machine; `UserAssigned` names some that are there."""
    kind = str((given or {}).get("type", "None"))
    if given is None or kind == "None":
        machine.top.pop("identity", None)
        return
    found: dict[str, Any] = {"type": kind}
    if "SystemAssigned" in kind:
        before = machine.top.get("identity") or {}
        found["principalId"] = before.get("principalId", str(uuid.uuid4()))
        found["tenantId"] = cloud.directory.tenant
    if "UserAssigned" in kind:
        found["userAssignedIdentities"] = {}
        for identity in given.get("userAssignedIdentities") or {}:
            one = cloud.store.find(identity)
            if one is None:
                raise bad(f"The identity {identity} was not found.", code="FailedIdentityOperation")
            kept = {key: one.properties[key] for key in ("principalId", "clientId")}
            found["userAssignedIdentities"][identity] = kept
    machine.top["identity"] = found


def change_delete_options(cloud: Cloud, machine: Machine, properties: dict[str, Any]) -> None:
    disk = (properties.get("storageProfile") or {}).get("osDisk") or {}
    if disk.get("deleteOption"):
        machine.properties["storageProfile"]["osDisk"]["deleteOption"] = disk["deleteOption"]
    for given in (properties.get("networkProfile") or {}).get("networkInterfaces") or []:
        for kept in machine.properties["networkProfile"]["networkInterfaces"]:
            if kept["id"].lower() == str(given.get("id", "")).lower():
                kept["properties"] |= given.get("properties") or {}


def release(cloud: Cloud, machine: Machine, at: float) -> None:
    """The machine is gone, and with it what was to be deleted with it; the rest stays, and costs."""
    for one in cloud.store.children(machine.id):
        cloud.store.drop(one)
    cloud.ledger.stop(machine.id, at)
    cloud.store.drop(machine, at + cloud.settings.lag if cloud.settings.lag else 0)
    for attached in machine.interfaces:
        if interface := cloud.store.find(attached["id"]):
            _release_interface(cloud, interface, attached["properties"].get("deleteOption") == "Delete", at)
    if disk := cloud.store.find(machine.disk_id):
        if machine.properties["storageProfile"]["osDisk"]["deleteOption"] == "Delete":
            cloud.ledger.stop(disk.id, at)
            cloud.store.drop(disk)
        else:
            disk.top.pop("managedBy", None)
            disk.properties["diskState"] = "Unattached"


def _release_interface(cloud: Cloud, interface: Resource, deleted: bool, at: float) -> None:
    interface.properties.pop("virtualMachine", None)
    if not deleted:
        return
    for configuration in interface.properties["ipConfigurations"]:
        public = configuration["properties"].get("publicIPAddress")
        address = cloud.store.find(public["id"]) if public else None
        if address and address.properties.get("deleteOption") == "Delete":
            remove(cloud, address, at)
    remove(cloud, interface, at)


def addresses(cloud: Cloud, machine: Machine) -> tuple[str, str]:
    """Its private and its public address, empty where it has none."""
    private = public = ""
    for attached in machine.interfaces:
        interface = cloud.store.find(attached["id"])
        for configuration in interface.properties["ipConfigurations"] if interface else ():
            private = private or configuration["properties"]["privateIPAddress"]
            found = cloud.store.find((configuration["properties"].get("publicIPAddress") or {}).get("id", ""))
            public = public or (found.properties["ipAddress"] if found else "")
    return private, public
