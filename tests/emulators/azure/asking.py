"""Calls as no SDK makes them: for tests of what is on the wire."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .emulator import Emulator

VERSION = "2025-04-01"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


def ask(
    emulator: Emulator,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str = "rehearsal",
    version: str = VERSION,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One call over a connection of its own. `path` may be a whole address; `{group}` stands for a group's path."""
    split = urlsplit(path)
    target = split.path.replace("{group}", f"/subscriptions/{emulator.subscription}/resourceGroups/demo")
    query = (
        split.query if "api-version" in split.query else "&".join(filter(None, [f"api-version={version}", split.query]))
    )
    sent = {"Content-Type": "application/json", **(headers or {})}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    connection.request(method, f"{target}?{query}" if version else target, json.dumps(body or {}), sent)
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    found = {name.lower(): value for name, value in reply.getheaders()}
    return Answer(reply.status, found, json.loads(data) if data else None)


def finished(emulator: Emulator, answer: Answer) -> Answer:
    """What the operation that a call began ends as, asked for as often as it takes, for a minute at the most."""
    last = time.monotonic() + 60
    while time.monotonic() < last:
        told = ask(emulator, "GET", answer.headers.get("azure-asyncoperation") or answer.headers["location"])
        if told.status != 202 and (told.body or {}).get("status") != "InProgress":
            return told
    raise AssertionError("the operation does not end")


def network(emulator: Emulator) -> str:
    """A group `demo` with a network; the id of its subnet."""
    group = f"/subscriptions/{emulator.subscription}/resourceGroups/demo"
    assert ask(emulator, "PUT", group, {"location": "eastus"}).status == 201
    subnet = {"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}
    properties = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}
    path = f"{group}/providers/Microsoft.Network/virtualNetworks/net"
    made = ask(emulator, "PUT", path, {"location": "eastus", "properties": properties})
    finished(emulator, made)
    return f"{path}/subnets/one"


def body_of_machine(subnet: str, key: str, **changes: Any) -> dict[str, Any]:
    """With an interface and an address of its own, which go with it. `changes`: `size`, `image`, `zones`, `data`,
    `user`, `group`, and what the properties have besides."""
    user = changes.pop("user", "ana")
    address = {
        "name": "address",
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static", "deleteOption": "Delete"},
    }
    configuration = {"name": "one", "properties": {"subnet": {"id": subnet}, "publicIPAddressConfiguration": address}}
    interface = {"name": "nic", "properties": {"deleteOption": "Delete", "ipConfigurations": [configuration]}}
    if group := changes.pop("group", ""):
        interface["properties"]["networkSecurityGroup"] = {"id": group}  # type: ignore[index]
    keys = [{"path": f"/home/{user}/.ssh/authorized_keys", "keyData": key}]
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    found: dict[str, Any] = {"location": "eastus", "identity": {"type": "SystemAssigned"}}
    if zones := changes.pop("zones", None):
        found["zones"] = zones
    found["properties"] = {
        "hardwareProfile": {"vmSize": changes.pop("size", "Standard_D2s_v5")},
        "storageProfile": {
            "imageReference": changes.pop("image", image),
            "osDisk": {"createOption": "FromImage", "diskSizeGB": 64, "deleteOption": "Delete"},
        },
        "osProfile": {
            "computerName": "box",
            "adminUsername": user,
            "customData": base64.b64encode(changes.pop("data", b"")).decode(),
            "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": {"publicKeys": keys}},
        },
        "networkProfile": {"networkApiVersion": "2022-11-01", "networkInterfaceConfigurations": [interface]},
        **changes,
    }
    return found


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ana"
MACHINE = "{group}/providers/Microsoft.Compute/virtualMachines/box"


def make_machine(emulator: Emulator, **changes: Any) -> Answer:
    """The reply to the call that makes `box`."""
    return ask(emulator, "PUT", MACHINE, body_of_machine(network(emulator), KEY, **changes), version="2024-11-01")
