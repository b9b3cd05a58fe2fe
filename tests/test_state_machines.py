"""Machines of clouds in the index, and a file that an older ez made."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ez.errors import BusyError, StateError
from ez.models import Computer, Port, SshEndpoint, Workspace
from ez.state import MachineRecord, PowerChange, Refusal, State

TEAM = Workspace("team", "azure", "0000", regions=("westeurope", "northeurope"), owner="ann@example.org", private=True)
GPU = MachineRecord("a1", "gpu1", "ordered", "azure", TEAM, spot=True, host_keys=("ssh-ed25519 AAAA",), price=0.5)

# What ez 0.1 made and filled, to the letter.
SCHEMA_1 = """
PRAGMA journal_mode = WAL; BEGIN; PRAGMA application_id = 1702519906; PRAGMA user_version = 1;
CREATE TABLE computers (name TEXT PRIMARY KEY, provider TEXT NOT NULL, endpoint TEXT NOT NULL);
CREATE TABLE environments (
    name TEXT NOT NULL, computer TEXT NOT NULL, repo_url TEXT NOT NULL, repo_path TEXT NOT NULL, ref TEXT NOT NULL,
    entry TEXT NOT NULL, container TEXT NOT NULL, image TEXT NOT NULL, digest TEXT NOT NULL, alias TEXT NOT NULL,
    workdir TEXT NOT NULL, host_path TEXT NOT NULL, ports TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    status TEXT NOT NULL, commands TEXT NOT NULL, PRIMARY KEY (name, computer)
);
INSERT INTO computers VALUES ('box', 'byo',
    '{"kind": "ssh", "host": "box.example", "port": 2222, "user": "me", "identity": null, "host_keys": ["ssh-rsa A"]}');
INSERT INTO environments VALUES ('hello', 'box', 'git@example:me/hello.git', '', 'main', 'build.envd:build', 'ez-hello',
    'ez/hello:1', 'sha256:1', 'hello.ez', '/home/envd/hello', '/home/me/ez/hello',
    '[{"container": 8888, "host": 32768, "service": "jupyter", "address": "127.0.0.1"}]', 100.0, 200.0, 'running',
    '[["test", "make test"]]');
COMMIT;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    with State(path, clock=lambda: 1000.0) as opened:
        yield opened


@pytest.fixture
def old(path: Path) -> Path:
    with sqlite3.connect(path) as made:
        made.executescript(SCHEMA_1)
    return path


def test_a_file_of_schema_1_becomes_one_of_schema_2(old: Path) -> None:
    for _ in range(2):
        with State(old) as state:
            assert state.computers() == (
                Computer("box", "byo", SshEndpoint("box.example", 2222, "me", None, ("ssh-rsa A",))),
            )
            (hello,) = state.environments()
            assert (hello.created, hello.updated, hello.ports[0]) == (100.0, 200.0, Port(8888, 32768, "jupyter"))
            state.machines.save(GPU)
            state.choose("computer", "gpu1")
    with sqlite3.connect(old) as looked:
        assert looked.execute("PRAGMA user_version").fetchone() == (2,)


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(old: Path) -> None:
    with sqlite3.connect(old) as spoiler:
        spoiler.execute("CREATE TABLE choices (mine TEXT)")
    before = dump(old)
    with pytest.raises(StateError):
        State(old)
    assert dump(old) == before


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [*connection.iterdump(), str(connection.execute("PRAGMA user_version").fetchone())]


def test_a_machine_is_read_as_it_was_saved(state: State) -> None:
    state.machines.save(GPU)
    assert state.machines.named("gpu1") == state.machines.of("a1") == GPU
    state.machines.save(replace(GPU, phase="here", id="/vm", made=900.0))
    assert state.machines.all("here") == state.machines.all() == (replace(GPU, phase="here", id="/vm", made=900.0),)
    assert (state.machines.all("ordered"), state.machines.of("b2")) == ((), None)


def test_a_name_has_one_living_machine(state: State) -> None:
    state.machines.save(GPU)
    with pytest.raises(BusyError, match="ordered it: `gpu1`"):
        state.machines.save(replace(GPU, create_id="b2"))
    for phase in ("dead", "gone"):
        state.machines.save(replace(GPU, phase=phase))
        assert state.machines.named("gpu1") is None
    state.machines.save(replace(GPU, create_id="b2"))
    assert [record.create_id for record in state.machines.all("ordered", "gone")] == ["a1", "b2"]


def test_only_changes_of_power_are_kept_and_time_never_runs_back(state: State) -> None:
    state.machines.save(GPU)
    for power, at, price in [("running", 10, 0.5), ("running", 20, 0.5), ("deallocated", 5, 0), ("running", 30, 0.7)]:
        state.machines.note_power("a1", power, at, price)
    told = [PowerChange(10, "running", 0.5), PowerChange(10, "deallocated", 0), PowerChange(30, "running", 0.7)]
    assert state.machines.changes("a1") == tuple(told)
    found = state.machines.named("gpu1")
    assert found is not None
    assert found.power == "running"


def test_refusals_end(state: State) -> None:
    short, long = (
        Refusal("azure", "0000", "westeurope", "T4", spot=spot, until=at) for spot, at in ((None, 1), (True, 1001))
    )
    state.machines.refuse(short)
    state.machines.refuse(long)
    assert state.machines.refusals("azure", "0000") == (long,)
    assert state.machines.refusals("azure", "other") == ()


def test_a_choice_ends_with_its_computer(state: State) -> None:
    state.choose("computer", "gpu1")
    state.choose("workspace", "gpu1")
    assert state.chosen("computer") == "gpu1"
    state.delete_computer("gpu1")
    assert (state.chosen("computer"), state.chosen("workspace")) == ("", "gpu1")
    state.choose("workspace", "")
    assert state.chosen("workspace") == ""
