"""What a machine of the testbed is reached by, and reaches: rules of the host's packet filter, one for each address.

The metadata's address and Azure's names lead to the emulator, from the bridge only. Port 22 is dropped for this machine
unless a rule of the security group admits the caller, who has the address that the cloud's settings say.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.testbed.shell import run

from .machine import Machine
from .network import RULE

if TYPE_CHECKING:
    from .cloud import Cloud

METADATA = "169.254.169.254"


@dataclass(frozen=True)
class Ports:
    """Where the emulator listens on the bridge."""

    plain: int = 0
    tls: int = 0


def admits(cloud: Cloud, machine: Machine) -> bool:
    """Whether the groups of its interface and of its subnet all let the caller in at port 22."""
    groups = set()
    for attached in machine.interfaces:
        interface = cloud.store.find(attached["id"])
        if interface is None:
            continue
        groups.add(str((interface.properties.get("networkSecurityGroup") or {}).get("id", "")))
        for configuration in interface.properties["ipConfigurations"]:
            subnet = cloud.store.find(configuration["properties"]["subnet"]["id"])
            found = (subnet.properties if subnet else {}).get("networkSecurityGroup") or {}
            groups.add(str(found.get("id", "")))
    groups.discard("")
    # A public address of the Standard kind is closed where there is no group at all.
    return bool(groups) and all(_group_admits(cloud, group) for group in groups)


def _group_admits(cloud: Cloud, group: str) -> bool:
    rules = [one.properties for one in cloud.store.of_kind(RULE, group)]
    for rule in sorted(rules, key=lambda one: int(one["priority"])):
        if rule["direction"] == "Inbound" and _names_port(rule) and _names_caller(rule, cloud.directory.address):
            return bool(rule["access"] == "Allow")
    return False


def _names_port(rule: dict[str, Any]) -> bool:
    if str(rule["protocol"]).lower() not in ("*", "tcp"):
        return False
    for one in [rule.get("destinationPortRange") or "", *(rule.get("destinationPortRanges") or [])]:
        first, _, last = one.partition("-")
        if one == "*" or (first.isdigit() and int(first) <= 22 <= int(last or first)):
            return True
    return False


def _names_caller(rule: dict[str, Any], caller: str) -> bool:
    for one in [rule.get("sourceAddressPrefix") or "", *(rule.get("sourceAddressPrefixes") or [])]:
        if one in ("*", "Internet"):
            return True
        if one[:1].isdigit() and ipaddress.ip_address(caller) in ipaddress.ip_network(one):
            return True
    return False


def open_metadata(gateway: str, address: str, ports: Ports) -> None:
    """What leads from a machine to the emulator; stale rules of the same address go first."""
    _forget_metadata(gateway, address)
    for target, port, to in _ways(gateway, ports):
        rule = ["-s", f"{address}/32", "-d", f"{target}/32", "-p", "tcp", "--dport", str(port)]
        _iptables("nat", "-I", "PREROUTING", *rule, "-j", "DNAT", "--to-destination", f"{gateway}:{to}")


def _ways(gateway: str, ports: Ports) -> list[tuple[str, int, int]]:
    return [(METADATA, 80, ports.plain), (gateway, 443, ports.tls)]


def _forget_metadata(gateway: str, address: str) -> None:
    for line in _rules("nat", "PREROUTING"):
        words = line.split()
        if f"{address}/32" in words and (f"{METADATA}/32" in words or f"{gateway}/32" in words):
            _iptables("nat", "-D", *words[1:])


def set_door(index: int, address: str, admitted: bool) -> None:
    """`index` is the testbed's; the rule carries its name, so that who looks knows whose it is."""
    _open_door(address)
    if not admitted:
        comment = ["-m", "comment", "--comment", f"ez-testbed-{index}-cloud"]
        rule = ["-d", f"{address}/32", "-p", "tcp", "--dport", "22", *comment]
        _iptables("filter", "-I", "OUTPUT", *rule, "-j", "DROP")


def _open_door(address: str) -> None:
    for line in _rules("filter", "OUTPUT"):
        words = line.split()
        if f"{address}/32" in words and "DROP" in words:
            _iptables("filter", "-D", *words[1:])


def forget(index: int, gateway: str, address: str) -> None:
    _forget_metadata(gateway, address)
    _open_door(address)


def _rules(table: str, chain: str) -> list[str]:
    return run("iptables", "-w", "-t", table, "-S", chain).stdout.splitlines()[1:]


def _iptables(table: str, *arguments: str) -> None:
    run("iptables", "-w", "-t", table, *arguments)
