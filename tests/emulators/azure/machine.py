"""A virtual machine: its model, its power, and the views that the API gives of both."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from .catalogue import Size, sizes
from .clock import stamp
from .limits import Use
from .store import Resource

KIND = "Microsoft.Compute/virtualMachines"
PLACED = ("creating", "starting", "running", "stopping", "stopped")
"""Where it has its place on a host."""
BILLED = ("starting", "running", "stopping", "stopped")
_WITH_AGENT = ("running", "stopping", "stopped")


@dataclass(eq=False)
class Machine(Resource):
    """`power` is the second word of its power state, empty where it has none; `failure` the code of a failed write."""

    vm_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    power: str = "creating"
    since: float = 0
    failure: str = ""
    custom_data: bytes = b""
    user_data: str = ""
    asked_name: str = ""
    """Its size as it was written in the request."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What its metadata says will happen to it."""

    @property
    def size(self) -> Size:
        return sizes()[self.asked_name.lower()]

    @property
    def zone(self) -> str:
        return str((self.top.get("zones") or [""])[0])

    @property
    def is_spot(self) -> bool:
        return self.properties.get("priority") in ("Spot", "Low")

    @property
    def use(self) -> Use:
        return Use(self.size, self.location, self.zone, self.is_spot, self.power in PLACED)

    @property
    def is_ephemeral(self) -> bool:
        return "diffDiskSettings" in self.properties["storageProfile"]["osDisk"]

    @property
    def hourly(self) -> float:
        """US dollars an hour while it is billed."""
        return self.size.hourly(self.location, spot=self.is_spot)

    @property
    def disk_id(self) -> str:
        return str(self.properties["storageProfile"]["osDisk"]["managedDisk"].get("id", ""))

    @property
    def interfaces(self) -> list[dict[str, Any]]:
        return list(self.properties["networkProfile"]["networkInterfaces"])

    def shown(self, *, expand: str = "", upper: bool = False) -> dict[str, Any]:
        """As GET gives it; `upper` as lists of a subscription do, with the group in upper case."""
        found = self.view()
        found["properties"]["hardwareProfile"] = {"vmSize": self.asked_name}
        found["properties"] |= {"vmId": self.vm_id, "timeCreated": stamp(self.made)}
        if "instanceView" in expand:
            found["properties"]["instanceView"] = self.instance_view()
        if "userData" in expand and self.user_data:
            found["properties"]["userData"] = self.user_data
        return {**found, "id": raised(self.id)} if upper else found

    def status_only(self) -> dict[str, Any]:
        """As a list with `statusOnly` gives it: no size, no tags, no profile."""
        properties = {"provisioningState": self.state, "vmId": self.vm_id, "instanceView": self.instance_view()}
        found = {"name": self.name, "id": raised(self.id), "type": KIND, "location": self.location}
        return {**found, "properties": properties}

    def instance_view(self) -> dict[str, Any]:
        when = stamp(self.since or self.made)
        disk = self.properties["storageProfile"]["osDisk"]["name"]
        status = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
        found: dict[str, Any] = {
            "disks": [{"name": disk, "statuses": [{**status, "time": when}]}],
            "hyperVGeneration": "V2",
        }
        if (self.properties.get("diagnosticsProfile") or {}).get("bootDiagnostics", {}).get("enabled"):
            found["bootDiagnostics"] = {}
        if self.power in _WITH_AGENT:
            found |= self._guest(when)
        found["statuses"] = self._statuses(when)
        return found

    def _guest(self, when: str) -> dict[str, Any]:
        ready = self.power == "running"
        agent = {
            "code": "ProvisioningState/succeeded" if ready else "ProvisioningState/Unavailable",
            "level": "Info" if ready else "Warning",
            "displayStatus": "Ready" if ready else "Not Ready",
            "message": "Guest Agent is running" if ready else "VM status blob is found but not yet populated.",
            "time": when,
        }
        return {
            "computerName": self.properties.get("osProfile", {}).get("computerName", self.name),
            "osName": "ubuntu",
            "osVersion": "24.04",
            "vmAgent": {"vmAgentVersion": "2.13.1.1", "statuses": [agent], "extensionHandlers": []},
        }

    def _statuses(self, when: str) -> list[dict[str, Any]]:
        state = self.state.lower()
        code = f"failed/{self.failure}" if state == "failed" and self.failure else state
        level = "Error" if state == "failed" else "Info"
        found = [{"code": f"ProvisioningState/{code}", "level": level, "displayStatus": f"Provisioning {state}"}]
        if state in ("succeeded", "failed"):
            found[0]["time"] = when
        if self.power:
            found.append({"code": f"PowerState/{self.power}", "level": "Info", "displayStatus": f"VM {self.power}"})
        return found


def raised(identity: str) -> str:
    parts = identity.split("/")
    parts[4] = parts[4].upper()
    return "/".join(parts)
