"""The whole line on a machine that is not there yet: made, prepared, built on, stopped, started, deleted, on the Azure
emulator with a computer of the testbed behind each machine."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.emulators.azure import Computers, Emulator
from tests.integration.person import Person
from tests.testbed import Testbed

pytestmark = pytest.mark.testbed

SIZE = ("--size", "Standard_D4s_v5")

A_SECOND = 0.22 / 3600
"""What one of that size costs with its disk and address, in US dollars."""


@pytest.fixture
def cloud(testbed: Testbed) -> Iterator[Emulator]:
    """Its time is the real one, so that its bill can be compared, and its work takes a fiftieth of Azure's."""
    with Emulator(virtual=False, pace=0.02, computers=Computers(testbed, "cloud-ready")) as emulator:
        yield emulator


@pytest.fixture
def ann(person: Person, cloud: Emulator) -> Person:
    regions = {"EZ_REGIONS": "eastus westus2", "EZ_WORKSPACE": "team", "EZ_OWNER": "ann"}
    person.variables.update({"EZ_AZURE_ENDPOINT": cloud.url, **regions})
    return person


def test_from_nothing_to_nothing(ann: Person, cloud: Emulator, folder: Path, name: str) -> None:
    spoiled = folder.parent / "spoiled"
    spoiled.mkdir()
    (spoiled / "build.envd").write_text("def build():\n    nonsense()\n")
    ann.ez("env", "go", str(spoiled), "-c", "gpu1", *SIZE, "--yes", code=1)
    assert cloud.count() == 0  # A mistake in the build file costs nothing.

    made = ann.ez("env", "go", str(folder), "-c", "gpu1", *SIZE, "--yes", "--no-open")
    assert "$0.192 an hour" in made.stderr
    assert ann.ssh(f"{name}.ez", "echo $USER").stdout == "envd\n"
    assert ann.ssh("ez-gpu1", "cat /etc/ez/watchdog.conf").stdout.startswith("30 deallocate ")

    ann.ssh(f"{name}.ez", f"echo before the stop > {name}/first")
    keeps_awake(ann)
    comes_from_elsewhere(ann, cloud)
    stops_and_goes_on(ann, cloud, folder, name)
    ann.ssh(f"{name}.ez", f"echo new > {name}/not-committed")
    deleted = ann.ez("compute", "delete", "gpu1", "--yes", "--json")
    gone = deleted.json
    (saved,) = gone["saved"]
    assert f"work of `{name}` on `gpu1` is saved: {saved['path']}" in deleted.stderr
    ann.run("git", "fetch", "-q", saved["path"], "refs/ez/files:refs/saved", cwd=folder)
    assert ann.run("git", "show", "refs/saved:not-committed", cwd=folder).stdout == "new\n"
    ann.ez("env", "saved", "restore", name, "--to", str(folder.parent / "again"))
    assert (folder.parent / "again" / "first").read_text() == "before the stop\n"
    assert (gone["deleted"], gone["environments"]) == ("gpu1", [name])
    assert gone["cost"] == pytest.approx(cloud.bill(), abs=6 * A_SECOND)  # One for each change of its power.
    assert (cloud.count(), cloud.rate) == (0, 0)
    assert ann.environments() == {}
    assert ann.leftovers() == []


def keeps_awake(ann: Person) -> None:
    why = ann.ez("compute", "why", "gpu1", "--json").json
    assert (why["idle"]["minutes"], why["idle"]["action"], why["idle"]["lease"]) == (30, "deallocate", 0)
    until = ann.ez("compute", "keep", "gpu1", "4h", "--json").json["until"]
    assert ann.ez("compute", "why", "gpu1", "--json").json["idle"]["lease"] == until


def comes_from_elsewhere(ann: Person, cloud: Emulator) -> None:
    """The laptop is in another network: the next command opens the door for it."""
    cloud.caller_address("203.0.113.9")
    told = ann.ez("compute", "info", "gpu1", EZ_ADDRESS="203.0.113.9").stderr
    assert "`gpu1` now lets in 203.0.113.9/32 instead of 127.0.0.1/32" in told
    cloud.caller_address("127.0.0.1")


def stops_and_goes_on(ann: Person, cloud: Emulator, folder: Path, name: str) -> None:
    (saved,) = ann.ez("compute", "stop", "gpu1", "--json").json["saved"]
    assert (saved["changes"], saved["before"]) == (1, False)
    assert cloud.machine("gpu1").power == "deallocated"
    assert "ez compute start gpu1" in ann.ez("env", "stop", name, code=1).told
    assert [each["status"] for each in ann.ez("env", "ls", "--json").json] == ["off"]
    ann.ez("compute", "start", "gpu1")
    assert cloud.machine("gpu1").power == "running"
    stops_by_itself(cloud)
    assert "gpu1 is deallocated since " in ann.ez("compute", "why", "gpu1").stdout
    ann.ez("env", "go", str(folder), "-c", "gpu1", "--no-open")
    assert cloud.machine("gpu1").power == "running"
    assert ann.ssh(f"{name}.ez", "true").code == 0


def stops_by_itself(cloud: Emulator) -> None:
    """As its watchdog has it stopped, which no ez sees."""
    address = f"{cloud.url}{cloud.machine('gpu1').id}/deallocate?api-version=2024-07-01"
    asked = urllib.request.Request(address, b"", {"Authorization": "Bearer rehearsal"}, method="POST")
    urllib.request.urlopen(asked, timeout=30).close()
    deadline = time.monotonic() + 60
    while cloud.machine("gpu1").power != "deallocated" and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_menu_on_a_terminal_and_a_machine_that_is_only_made(ann: Person, cloud: Emulator) -> None:
    with Terminal(ann, "compute", "create", "box1", "--cpus", "2", "--idle-stop", "never") as terminal:
        terminal.until("create `box1`? [y/N]")
        terminal.send("y\n")
        assert "`box1` runs" in terminal.rest()
    assert ann.ez("compute", "ssh", "box1", "--", "uname", "-n").stdout == "box1\n"
    assert "never stops by itself" in ann.ez("compute", "why", "box1").stdout
    ann.ez("compute", "delete", "box1", "--yes")
    assert cloud.count() == 0
