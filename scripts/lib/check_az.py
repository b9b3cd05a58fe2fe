"""scripts/check-az: Azure's command line and ez at one emulated cloud, side by side."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.emulators.azure import Emulator

_IMAGE = "Canonical:ubuntu-24_04-lts:server:latest"
_CALL = 0.1
"""Seconds that a call takes for --thousand: what one to Azure takes from afar."""


@dataclass(frozen=True)
class Finding:
    """`verdict`: `ok` or `wrong`; `calls` is what the cloud was asked."""

    what: str
    saw: str
    seconds: float
    calls: int
    verdict: str = "ok"


def main() -> int:
    arguments = _parse()
    findings = []
    for finding in _findings(arguments.az, thousand=arguments.thousand):
        findings.append(finding)
        if not arguments.json:
            print(
                f"{finding.verdict:6} {finding.seconds:6.1f} s {finding.calls:6} calls  {finding.what:28} {finding.saw}"
            )
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    return int(any(finding.verdict == "wrong" for finding in findings))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/check-az", description="The Azure CLI and ez at an emulated cloud.")
    parser.add_argument("az", help=argparse.SUPPRESS)
    parser.add_argument("--thousand", action="store_true", help="also listings of 1,000 machines, side by side")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _findings(az: str, *, thousand: bool) -> Iterator[Finding]:
    with Person.at_a_cloud(az) as person:
        yield from person.signs_in()
        yield from person.has_a_machine()
        if thousand:
            yield from person.lists_a_thousand()


@dataclass(frozen=True)
class Person:
    """Somebody with the Azure CLI and with ez, a home of their own, and a cloud that is empty."""

    az: str
    azure: Emulator
    home: Path

    @classmethod
    @contextmanager
    def at_a_cloud(cls, az: str) -> Iterator[Person]:
        with Emulator(tls=True) as azure, tempfile.TemporaryDirectory(prefix="ez-az-") as home:
            azure.program("rehearsal", "rehearsal")
            yield cls(az, azure, Path(home))

    def signs_in(self) -> Iterator[Finding]:
        where = ["--endpoint-resource-manager", self.azure.https_url]
        yield self._does("az cloud register", [self.az, "cloud", "register", "-n", "rehearsal", *where])
        yield self._does("az cloud set", [self.az, "cloud", "set", "-n", "rehearsal"])
        secret = ["-u", "rehearsal", "-p", "rehearsal", "--tenant", self.azure.tenant]
        yield self._does("az login", [self.az, "login", "--service-principal", *secret], "Enabled")

    def has_a_machine(self) -> Iterator[Finding]:
        yield self._does("az group create", [self.az, "group", "create", "-n", "demo", "-l", "eastus"], "Succeeded")
        box = ["-g", "demo", "-n", "box"]
        options = ["--image", _IMAGE, "--size", "Standard_D2s_v5", "--admin-username", "ana", "--generate-ssh-keys"]
        yield self._does("az vm create", [self.az, "vm", "create", *box, *options], "VM running")
        yield self._does("az vm list -d", [self.az, "vm", "list", "-d"], "VM running")
        yield self._does("ez compute ls --all", [*_EZ, "compute", "ls", "--all", "--json"], "box")
        yield self._does("az vm deallocate", [self.az, "vm", "deallocate", *box])
        yield self._does("az vm list -d", [self.az, "vm", "list", "-d"], "VM deallocated")
        yield self._does("az vm start", [self.az, "vm", "start", *box])
        yield self._does("az vm delete", [self.az, "vm", "delete", *box, "--yes"])
        yield self._does("az group delete", [self.az, "group", "delete", "-n", "demo", "--yes"])
        left = self.azure.count()
        yield Finding("what is left", f"{left} resources", 0, 0, "ok" if left == 0 else "wrong")

    def lists_a_thousand(self) -> Iterator[Finding]:
        subscriptions = self.azure.seed(1000, subscriptions=3)
        self.azure.settings.latency = _CALL
        yield self._does("ez compute ls, 3 subscriptions", [*_EZ, "compute", "ls", "--all", "--json"], "seeded-0999")
        yield self._does("az account list --refresh", [self.az, "account", "list", "--refresh"], subscriptions[-1])
        for number, one in enumerate(subscriptions):
            listing = [self.az, "vm", "list", "--subscription", one, "-d"]
            yield self._does(f"az vm list -d, {number + 1} of 3", listing, f"seeded-{number + 3:04d}")
            yield self._does(f"az vm list, {number + 1} of 3", listing[:-1], f"seeded-{number + 3:04d}")

    def _does(self, what: str, command: list[str], expected: str = "") -> Finding:
        before, begun = len(self.azure.log), time.monotonic()
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        took, calls = time.monotonic() - begun, len(self.azure.log) - before
        if done.returncode == 0 and expected in done.stdout:
            return Finding(what, expected, took, calls)
        last = [*done.stdout.splitlines(), *done.stderr.splitlines()][-1:]
        return Finding(what, f"exit code {done.returncode}: {''.join(last)[:200]}", took, calls, "wrong")

    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "EZ_", "ARM_"))}
        return {
            **kept,
            "HOME": str(self.home),
            "AZURE_CONFIG_DIR": str(self.home / "azure"),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "AZURE_CORE_NO_COLOR": "true",
            "REQUESTS_CA_BUNDLE": str(self.azure.authority),
            "EZ_AZURE_ENDPOINT": self.azure.url,
            "EZ_PROVIDER": "azure",
        }


_EZ = (sys.executable, "-m", "ez")

if __name__ == "__main__":
    sys.exit(main())
