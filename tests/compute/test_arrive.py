"""Connecting to a machine of a cloud: at once where it answers, through its door where the person has moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from ez.compute import lifecycle
from ez.compute.address import parse_source, public_address
from ez.compute.arrive import BOOT_SECONDS, NOT_RUNNING, arrive
from ez.compute.idle import parse
from ez.errors import CloudError, HostKeyError, HostUnreachableError, UsageError
from ez.models import Computer
from ez.ssh.host import Host
from ez.state import MachineRecord, State
from tests.compute.sky import Person, World
from tests.compute.test_create import create

SILENT = HostUnreachableError("nobody answers")
HOST = cast(Host, object())


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Person]:
    world = World()
    with State(tmp_path / "ann.db", clock=lambda: world.now) as state:
        person = Person(state, world, tmp_path / "locks")
        create(person)
        world.calls.clear()
        yield person


def go(person: Person) -> Host:
    computer, record = person.state.computer("gpu1"), person.state.machines.named("gpu1")
    return arrive(cast(Computer, computer), cast(MachineRecord, record), person.cloud)


def test_nobody_is_asked_where_it_answers(ann: Person) -> None:
    ann.hosts = [HOST]
    assert go(ann) is HOST
    assert ann.world.calls == []


def test_the_door_follows_the_person(ann: Person) -> None:
    ann.hosts, ann.address = [SILENT, HOST], "198.51.100.9/32"
    assert go(ann) is HOST
    assert ann.world.door == {"gpu1": "198.51.100.9/32"}
    record = ann.state.machines.named("gpu1")
    assert record is not None
    assert record.source == "198.51.100.9/32"


def test_one_that_boots_is_waited_for_and_not_for_ever(ann: Person) -> None:
    unready = HostKeyError("host key is not the pinned one")
    ann.hosts = [unready, SILENT, SILENT, HOST]
    assert go(ann) is HOST
    ann.hosts = [SILENT] * int(BOOT_SECONDS)
    with pytest.raises(HostUnreachableError):
        go(ann)


def test_another_host_key_is_refused_at_once_later_on(ann: Person) -> None:
    ann.world.now += BOOT_SECONDS + 1
    ann.hosts = [HostKeyError("host key is not the pinned one")]
    with pytest.raises(HostKeyError):
        go(ann)
    assert ann.world.calls == []


def test_one_that_is_off(ann: Person) -> None:
    ann.hosts = [SILENT]
    machine = ann.world.machines["gpu1"]
    ann.world.machines["gpu1"] = replace(machine, power="deallocated", since=ann.world.now)
    for _ in range(2):  # The second time the index knows.
        with pytest.raises(CloudError, match="`gpu1` does not run: it is deallocated") as raised:
            go(ann)
        assert (raised.value.code, raised.value.hint) == (NOT_RUNNING, "ez compute start gpu1")
    assert ann.hosts == []
    lifecycle.delete("gpu1", ann.cloud)


def test_one_that_has_gone(ann: Person) -> None:
    ann.hosts = [SILENT]
    ann.world.machines.clear()
    with pytest.raises(CloudError, match="its cloud no longer has it"):
        go(ann)


@pytest.mark.parametrize(
    ("text", "source"),
    [("203.0.113.7", "203.0.113.7/32"), ("203.0.113.9/24 ", "203.0.113.0/24"), ("2001:db8::1", "2001:db8::1/128")],
)
def test_addresses(text: str, source: str) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize("text", ["", "home", "0.0.0.0/0", "203.0.113.7/33", "<html>"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse_source(text)


def test_an_address_is_only_asked_for_over_tls() -> None:
    with pytest.raises(CloudError, match="cannot be asked for there"):
        public_address("http://127.0.0.1:1/")
    with pytest.raises(CloudError, match="does not tell it") as raised:
        public_address("https://127.0.0.1:1/")
    assert raised.value.hint is not None
    assert "network.address" in raised.value.hint


def test_what_the_watchdog_says() -> None:
    idle = parse("now=1000\nidle_seconds=600\nreasons=\nstops_in=\nminutes=30\nset_minutes=30\nset_action=deallocate\n")
    assert (idle.minutes, idle.action, idle.reasons, idle.stops_in, idle.lease) == (30, "deallocate", (), 1500, 0)
    busy = parse("now=1000\nidle_seconds=0\nreasons=login card\nset_minutes=30\nset_action=suspend\nlease=4600\n")
    assert (busy.reasons, busy.stops_in, busy.lease) == (("login", "card"), 3600 + 1800 + 300, 4600)
    assert parse("now=1000\nset_minutes=30\nstops_in=120\nlease=999\nfailed=403\n").stops_in == 120
    assert parse("now=1000\nnonsense\nlease=99999999999999999999\n").stops_in is None
