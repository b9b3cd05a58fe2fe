"""Machines that are computers: what the API says of them is so."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from ez.providers.cloud_init import File, HostKey, document, host_key
from tests.emulators.azure import Emulator
from tests.emulators.azure.asking import MACHINE, ask, body_of_machine, finished, network
from tests.testbed.keys import ensure_key, public_half
from tests.testbed.shell import wait_until

METADATA = "curl -sS -H Metadata:true 'http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01'"
DOOR = "{group}/providers/Microsoft.Network/networkSecurityGroups/door"


class Login:
    """Somebody with a key and one pinned host key."""

    def __init__(self, folder: Path) -> None:
        self.key, self.host = ensure_key(folder / "key", "ana"), host_key()
        self.known = folder / "known_hosts"

    def ssh(self, address: str, remote: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command(address), remote], capture_output=True, text=True, timeout=60)

    def through(self, jump: str, address: str, remote: str) -> subprocess.CompletedProcess[str]:
        way = shlex.join([*self._command(jump), "-W", "%h:%p"])
        command = [*self._command(address, "-o", f"ProxyCommand={way}"), remote]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def _command(self, address: str, *options: str) -> list[str]:
        with self.known.open("a") as file:
            file.write(f"{address} {self.host.public}\n")
        return [
            "ssh", "-F", "none", "-i", str(self.key), "-o", "BatchMode=yes", "-o", "ConnectTimeout=2",
            "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={self.known}", *options, f"ana@{address}",
        ]  # fmt: skip


@pytest.fixture
def login(tmp_path: Path) -> Login:
    return Login(tmp_path)


def _make(azure: Emulator, login: Login) -> str:
    """Make `box`; its public address."""
    subnet = network(azure)
    rule = {
        "name": "ssh",
        "properties": {
            "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "sourceAddressPrefix": "127.0.0.1/32", "destinationPortRange": "22",
        },
    }  # fmt: skip
    door = ask(azure, "PUT", DOOR, {"location": "eastus", "properties": {"securityRules": [rule]}})
    finished(azure, door)
    data = _document(login.host, public_half(login.key))
    body = body_of_machine(subnet, public_half(login.key), data=data, group=door.body["id"])
    assert finished(azure, ask(azure, "PUT", MACHINE, body)).body["status"] == "Succeeded"
    addresses = ask(azure, "GET", "{group}/providers/Microsoft.Network/publicIPAddresses").body["value"]
    return str(addresses[0]["properties"]["ipAddress"])


def _document(host: HostKey, key: str) -> bytes:
    files = [File("/etc/from-ez", "hello\n")]
    return document("ana", key, host, files=files, commands=[["touch", "/run/commanded"]]).encode()


def test_a_machine_that_one_can_log_into(azure_computers: Emulator, login: Login) -> None:
    azure = azure_computers
    address = _make(azure, login)
    machine = azure.machine("box")
    computer = azure.cloud.computers.of(machine) if azure.cloud.computers else None
    assert computer is not None
    told = login.ssh(address, "sudo cloud-init status --wait && cat /etc/from-ez /run/commanded && hostname")
    assert (told.returncode, told.stdout.split()) == (0, ["status:", "done", "hello", "box"]), told.stderr
    assert login.ssh(address, "id dev").returncode != 0

    named = login.ssh(address, METADATA)
    assert json.loads(named.stdout)["resourceId"] == machine.id, named.stderr

    _has_a_private_neighbour(azure, login, address)
    azure.caller_address("203.0.113.9")
    assert "timed out" in login.ssh(address, "true").stderr
    azure.caller_address("127.0.0.1")

    finished(azure, ask(azure, "POST", f"{MACHINE}/deallocate"))
    assert (machine.power, computer.runs) == ("deallocated", False)
    before = computer.boot_id
    finished(azure, ask(azure, "POST", f"{MACHINE}/start"))
    assert login.ssh(address, "cat /etc/from-ez").stdout == "hello\n"
    assert computer.boot_id != before

    login.ssh(address, "sudo systemctl poweroff")
    wait_until(lambda: not computer.runs, "it is off", timeout=20)
    assert ask(azure, "GET", f"{MACHINE}/instanceView").body["statuses"][1]["code"] == "PowerState/stopped"
    finished(azure, ask(azure, "DELETE", "{group}"))
    assert (azure.count(), azure.rate) == (0, 0)


def _has_a_private_neighbour(azure: Emulator, login: Login, address: str) -> None:
    """One that is reached through the first, and only so."""
    subnet = next(one for one in azure.resources() if "/subnets/" in one)
    key = public_half(login.key)
    body = body_of_machine(subnet, key, data=_document(login.host, key))
    configuration = body["properties"]["networkProfile"]["networkInterfaceConfigurations"][0]["properties"]
    del configuration["ipConfigurations"][0]["properties"]["publicIPAddressConfiguration"]
    body["properties"]["osProfile"]["computerName"] = "inner"
    assert finished(azure, ask(azure, "PUT", MACHINE.replace("box", "inner"), body)).body["status"] == "Succeeded"
    assert login.through(address, "10.0.0.5", "hostname").stdout == "inner\n"
    assert login.through(address, "inner", "hostname").stdout == "inner\n"
    finished(azure, ask(azure, "DELETE", MACHINE.replace("box", "inner")))
