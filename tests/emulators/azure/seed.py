"""Many machines at once, for listings: made in place, without calls, quota or operations."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .catalogue import ADDRESS_PRICE, disk_hourly
from .cloud import SUBSCRIPTION
from .groups import KIND as GROUP
from .groups import group_id
from .machine import KIND, Machine
from .network import ADDRESS, INTERFACE
from .parts import DISK
from .power import set_power
from .store import Resource

if TYPE_CHECKING:
    from .cloud import Cloud


def seed(cloud: Cloud, machines: int, subscriptions: int, tags: dict[str, str]) -> list[str]:
    found = [SUBSCRIPTION, *(f"00000000-0000-0000-0000-{number:012d}" for number in range(1, subscriptions))]
    for number, subscription in enumerate(found):
        cloud.subscriptions.setdefault(subscription, f"Rehearsal {number + 1}")
        group = group_id(subscription, "seeded")
        cloud.store.put(Resource(group, GROUP, "eastus", cloud.now()))
    for number in range(machines):
        _machine(cloud, group_id(found[number % subscriptions], "seeded"), number, tags)
    return found


def _machine(cloud: Cloud, group: str, number: int, tags: dict[str, str]) -> None:
    now, name = cloud.now(), f"seeded-{number:04d}"
    where = f"{group}/providers"
    ids = {kind: f"{where}/{kind}/{name}" for kind in (KIND, DISK, ADDRESS, INTERFACE)}
    machine = Machine(ids[KIND], KIND, "eastus", now - 3600, since=now, asked_name="Standard_D2s_v5")
    machine.top["tags"] = {**tags, "number": f"{number}"}
    machine.properties = {
        "storageProfile": {"osDisk": {"name": name, "osType": "Linux", "deleteOption": "Delete", "diskSizeGB": 64,
                                      "managedDisk": {"id": ids[DISK], "storageAccountType": "Premium_LRS"}},
                           "dataDisks": []},
        "osProfile": {"computerName": name, "adminUsername": "dev"},
        "networkProfile": {"networkInterfaces": [{"id": ids[INTERFACE], "properties": {"deleteOption": "Delete"}}]},
    }  # fmt: skip
    disk = Resource(ids[DISK], DISK, "eastus", now, {"managedBy": machine.id})
    disk.properties = {"diskSizeGB": 64, "diskState": "Attached", "uniqueId": str(uuid.uuid4())}
    address = Resource(ids[ADDRESS], ADDRESS, "eastus", now, {"sku": {"name": "Standard"}})
    address.properties = {"ipAddress": f"240.0.{number // 250}.{number % 250 + 1}", "deleteOption": "Delete"}
    interface = Resource(ids[INTERFACE], INTERFACE, "eastus", now)
    address.properties["ipConfiguration"] = {"id": f"{interface.id}/ipConfigurations/one"}
    configuration = {
        "privateIPAddress": f"10.0.{number // 250}.{number % 250 + 4}",
        "publicIPAddress": {"id": address.id},
    }
    interface.properties = {
        "virtualMachine": {"id": machine.id},
        "ipConfigurations": [
            {"name": "one", "id": f"{interface.id}/ipConfigurations/one", "properties": configuration}
        ],
    }
    for one in (machine, disk, address, interface):
        cloud.store.put(one)
    cloud.ledger.charge(disk.id, "disk", disk_hourly("Premium_LRS", 64), now)
    cloud.ledger.charge(address.id, "address", ADDRESS_PRICE, now)
    set_power(cloud, machine, "deallocated" if number % 4 == 3 else "running", now)
