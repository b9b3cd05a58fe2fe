"""`ez compute` on the Azure emulator: plans, questions, listings, other people's machines, what nobody needs."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ez.cli import app
from ez.env.migrate.looks import Look, note_look
from ez.providers.azure import Azure
from ez.state import EnvironmentRecord, State
from tests.cli.terminal import Terminal
from tests.compute.rehearsal import Rehearsal
from tests.emulators.azure import Emulator
from tests.integration.person import Person
from tests.testbed.agent import agent

SIZE = "Standard_D4s_v5"


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `ez` in this process, as one of two people."""

    azure: Emulator
    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, owner: str = "ann") -> Said:
        home = self.home / owner
        home.mkdir(exist_ok=True)
        self.monkeypatch.setenv("HOME", str(home))
        self.monkeypatch.setenv("USER", owner)
        code = app.run(["compute", *arguments])
        told = self.capsys.readouterr()
        return Said(code, told.out, told.err)

    def make(self, name: str = "gpu1", owner: str = "ann") -> None:
        """A machine of that person, without logging in to it."""
        database = self.home / owner / ".local/state/ez/state.db"
        with State(database, clock=self.azure.clock.now) as state:
            Rehearsal(self.azure, state, self.home / owner / "locks", owner).create(name)


@pytest.fixture
def ez(azure: Emulator, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setattr(Azure, "pause", 0.01)
    monkeypatch.setattr("time.time", azure.clock.now)
    for name, value in {
        "EZ_AZURE_ENDPOINT": azure.url,
        "EZ_WORKSPACE": "team",
        "EZ_REGIONS": "eastus westus2",
        "EZ_ACCOUNT": azure.subscription,
    }.items():
        monkeypatch.setenv(name, value)
    return Shell(azure, home, monkeypatch, capsys)


def test_a_plan_has_its_price_and_makes_nothing(ez: Shell, azure: Emulator) -> None:
    told = ez("create", "gpu1", "--gpu", "T4", "--ttl", "8h", "--idle-stop", "2h", "--dry-run")
    assert told.code == 0
    for words in (
        "Standard_NC4as_T4_v3",
        "$0.526 an hour",
        "after 2 h without work",
        "wanted for:    8 h",
        "127.0.0.1/32",
    ):
        assert words in told.out
    shown = ez("create", "gpu1", "--size", SIZE, "--dry-run", "--json").json
    assert (shown["quote"]["size"], shown["idle_minutes"], shown["source"]) == (SIZE, 30, "127.0.0.1/32")
    assert shown["notes"] == []
    azure.unregister("Microsoft.Network")
    told = ez("create", "gpu1", "--size", SIZE, "--dry-run")
    assert "this subscription has not used `Microsoft.Network` yet" in told.err
    assert azure.count() == 0
    assert not [entry.route for entry in azure.log if entry.method == "PUT"]


@pytest.mark.parametrize(
    ("code", "arguments", "hint"),
    [
        (2, ("create", "gpu1", "--size", SIZE), "add --yes"),
        (2, ("create", "gpu1", "--size", SIZE, "--json"), "add --yes"),
        (2, ("create", "Gpu_1", "--yes"), "use 1 to 63"),
        (2, ("create", "gpu1", "--idle-stop", "1m", "--yes"), "use 5m to 7d, or never"),
        (2, ("create", "gpu1", "-p", "gcp", "--yes"), "use -p azure or -p aws"),
        (2, ("create", "local", "--yes"), "choose another name"),
        (2, ("create", "gpu1", "--ttl", "0h", "--yes"), "use 5m to 366d"),
        (2, ("create", "gpu1", "--region", "eu-west-1", "--yes"), "write it as the cloud does"),
        (2, ("create", "gpu1", "--cpus", "2", "--spot", "--max-price", "0.001", "--yes"), "--max-price 0.0"),
        (1, ("create", "gpu1", "--region", "mars", "--cpus", "2", "--yes"), "az account list-locations"),
        (1, ("stop", "gpu1"), "ez compute"),
        (2, ("stop", "local"), "ez compute ls"),
        (1, ("delete", "gpu1", "--yes"), "ez compute"),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_made(
    ez: Shell, azure: Emulator, code: int, arguments: tuple[str, ...], hint: str
) -> None:
    told = ez(*arguments)
    assert (told.code, told.out) == (code, "")
    assert hint in told.err
    assert azure.count() == 0


def test_nobody_is_signed_in(ez: Shell, azure: Emulator) -> None:
    azure.cloud.directory.signed_out = True
    told = ez("create", "gpu1", "--size", SIZE, "--yes")
    assert told.code == 4
    assert azure.count() == 0
    listed = ez("ls")
    assert (listed.code, "local" in listed.out) == (0, True)
    assert "not asked" in listed.err


def test_the_life_of_a_machine(ez: Shell, azure: Emulator) -> None:
    ez.make()
    azure.advance(7200)
    (row,) = [row for row in ez("ls", "--json").json if row["name"] == "gpu1"]
    assert (row["power"], row["size"], row["region"], row["owner"], row["price"]) == (
        "running",
        SIZE,
        "eastus",
        "ann",
        0.192,
    )
    assert ez("select", "gpu1").code == 0
    assert ez("select").out == "gpu1\n"
    stopped = ez("stop", "gpu1")
    assert "its disk and its address still cost $13.86 a month" in stopped.err
    assert "deallocated" in ez("ls").out
    assert "is deallocated since" in ez("why", "gpu1").out
    assert ez("info", "gpu1", "--json").json["machine"]["power"] == "deallocated"
    assert "does not run" in ez("keep", "gpu1", "4h").err
    bigger = ez("resize", "gpu1", "--size", "Standard_D8s_v5", "--dry-run")
    assert "$0.384 an hour" in bigger.err
    assert ez("resize", "gpu1", "--size", "Standard_D8s_v5", "--yes").code == 0
    assert azure.machine("gpu1").size.name == "Standard_D8s_v5"
    assert ez("start", "gpu1", "--json").json["power"] == "running"
    assert ez("restart", "gpu1").code == 0
    assert ez("delete", "gpu1").code == 2
    assert "would delete `gpu1`" in ez("delete", "gpu1", "--dry-run").out
    gone = ez("delete", "gpu1", "--yes", "--json").json
    assert gone["deleted"] == "gpu1"
    assert gone["cost"] == pytest.approx(azure.bill(), rel=0.02)
    assert (azure.count(), azure.rate, ez("select").out) == (0, 0, "local\n")


def test_two_people_and_one_workspace(ez: Shell, azure: Emulator) -> None:
    ez.make()
    row = next(row for row in ez("ls", "--json", owner="bob").json if row["name"] == "gpu1")
    assert row["owner"] == "ann"
    for command in (("stop",), ("start",), ("restart",), ("delete", "--yes")):
        told = ez(command[0], "gpu1", *command[1:], owner="bob")
        assert (told.code, "another person's: ann" in told.err) == (2, True)
    assert azure.machine("gpu1").power == "running"
    taken = ez("create", "gpu1", "--size", SIZE, "--yes", owner="bob")
    assert (taken.code, "is there already" in taken.err) == (2, True)
    assert ez("stop", "gpu1", "--force", owner="bob").code == 0
    assert azure.machine("gpu1").power == "deallocated"
    assert "deallocated" in ez("ls").out
    assert "would delete `gpu1` of ann" in ez("delete", "gpu1", "--dry-run", "--force", owner="bob").out
    assert ez("delete", "gpu1", "--force", owner="bob").code == 2
    assert azure.machine("gpu1").power == "deallocated"
    assert ez("delete", "gpu1", "--yes", "--force", owner="bob").code == 0
    assert azure.count() == 0
    assert "is missing" in ez("ls").err or "gpu1" in ez("ls").out
    assert ez("delete", "gpu1", "--yes").code == 0


def test_a_machine_that_this_index_does_not_know(ez: Shell, azure: Emulator) -> None:
    """Made on another laptop of the same person: shown, asked about, and taken in."""
    ez.make()
    (ez.home / "ann" / ".local/state/ez/state.db").rename(ez.home / "other-laptop.db")
    again = ez("create", "gpu1", "--size", SIZE, "--yes")
    assert (again.code, "ez compute ls takes it in" in again.err) == (2, True)
    shown = ez("delete", "gpu1", "--dry-run", "--json").json
    assert (shown["would_delete"], shown["environments"]) == ("gpu1", [])
    assert ez("delete", "gpu1").code == 2
    assert azure.machine("gpu1").power == "running"
    assert "of that size" in ez("resize", "gpu1", "--size", SIZE, "--yes").err
    assert ez("delete", "../gpu1", "--yes").code == 2
    assert ez("delete", "gpu1", "--yes").code == 0
    assert azure.count() == 0


def test_a_machine_that_is_off_is_not_deleted_unseen(ez: Shell, azure: Emulator) -> None:
    ez.make()
    state = ez.home / "ann" / ".local/state/ez"
    with State(state / "state.db", clock=azure.clock.now) as index:
        index.save_environment(EnvironmentRecord("thesis", "gpu1", status="running"))
        record = index.machines.named("gpu1")
    assert record is not None
    stopped = ez("stop", "gpu1", "--force")
    assert (stopped.code, azure.machine("gpu1").power) == (0, "deallocated")
    refused = ez("delete", "gpu1", "--yes")
    assert (refused.code, "cannot be looked at: thesis" in refused.err) == (1, True)
    assert "ez compute start gpu1, then this again" in refused.err
    note_look(state / "saved", "gpu1", Look("another", azure.clock.now(), ("thesis",), ()))
    assert ez("delete", "gpu1", "--yes").code == 1
    note_look(state / "saved", "gpu1", Look(record.create_id, azure.clock.now(), ("thesis",), ("gone",)))
    assert "`gone`" in ez("delete", "gpu1", "--yes").err
    with State(state / "state.db", clock=azure.clock.now) as index:
        index.machines.save(replace(record, expires=azure.clock.now() - 1, power="deallocated"))
    expired = ez("gc", "--yes")
    assert (expired.code, azure.machine("gpu1").power) == (1, "deallocated")
    assert "not removed: gpu1: what was saved" in expired.err
    note_look(state / "saved", "gpu1", Look(record.create_id, azure.clock.now(), ("thesis",), ()))
    deleted = ez("delete", "gpu1", "--yes")
    assert (deleted.code, "nothing was nowhere else" in deleted.err) == (0, True)
    assert azure.count() == 0


def test_what_nobody_needs(ez: Shell, azure: Emulator) -> None:
    ez.make()
    for owner in ("ann", "bob"):
        lone_address(azure, owner)
    azure.advance(3600)
    shown = ez("gc", "--dry-run", "--json").json
    assert {(row["name"], row["whose"]) for row in shown} == {("lone-ann", "ann"), ("lone-bob", "bob")}
    assert ez("gc", "--yes").code == 0
    assert [row["name"] for row in ez("gc", "--dry-run", "--json").json] == ["lone-bob"]
    assert ez("gc", "lone-bob", "--yes").code == 0
    assert ez("gc").err.endswith("nothing is paid for that no computer needs\n")
    assert azure.machine("gpu1").power == "running"


def lone_address(azure: Emulator, owner: str) -> None:
    path = f"/subscriptions/{azure.subscription}/resourceGroups/ez-team/providers/Microsoft.Network/publicIPAddresses"
    tags = {"ez:workspace": "team", "ez:computer": "old", "ez:owner": owner, "ez:create-id": f"old-{owner}"}
    body = {
        "location": "eastus",
        "sku": {"name": "Standard"},
        "tags": tags,
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    request = urllib.request.Request(
        f"{azure.url}{path}/lone-{owner}?api-version=2024-05-01",
        json.dumps(body).encode(),
        {"Authorization": "Bearer rehearsal", "Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_a_menu_and_a_question_on_a_terminal(person: Person, azure: Emulator) -> None:
    """Somebody whose agent has no key is asked for the passphrase of a new one."""
    with (
        agent() as empty,
        Terminal(
            person,
            *("compute", "create", "gpu1"),
            EZ_AZURE_ENDPOINT=azure.url,
            EZ_REGIONS="eastus",
            SSH_AUTH_SOCK=str(empty.socket),
        ) as terminal,
    ):
        terminal.until("passphrase (empty")
        terminal.send("a long one\n")
        terminal.until("once more")
        terminal.send("a long one\n")
        terminal.until("which one?")
        terminal.send("1\n")
        shown = terminal.until("create `gpu1`? [y/N]")
        assert "an hour" in shown
        assert "after 30 min without work" in shown
        assert "with the key that ez made for your SSH agent" in shown
        assert "a long one" not in shown
        terminal.send("n\n")
        assert "nothing was changed" in terminal.rest()
    assert azure.count() == 0
