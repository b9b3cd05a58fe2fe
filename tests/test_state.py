"""The index: what it keeps, several processes at once, and files that are not what they should be."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ez.errors import BusyError, StateError, UsageError
from ez.models import Computer, LocalEndpoint, Port, SshEndpoint
from ez.state import EnvironmentRecord, State

BOX = Computer("box", "byo", SshEndpoint("box.example", 2222, "me", "/home/me/.ssh/key", ("ssh-ed25519 AAAA",)))
HELLO = EnvironmentRecord(
    "hello",
    "box",
    repo_url="git@example:me/hello.git",
    ref="main",
    entry="build.envd:build",
    container="ez-hello",
    image="ez/hello:1",
    digest="sha256:1",
    alias="hello.ez",
    workdir="/home/envd/hello",
    host_path="/home/me/ez/hello",
    ports=(Port(8888, 32768, "jupyter"), Port(22)),
    status="running",
    commands=(("test", "make test"),),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


def test_what_is_saved_is_read_again(path: Path) -> None:
    with State(path) as state:
        assert (state.computers(), state.environments()) == ((), ())
        assert state.computer("box") is None
        assert state.environment("hello") is None
        state.save_computer(BOX)
        state.save_computer(Computer("home", "local", LocalEndpoint()))
        saved = state.save_environment(HELLO)
    with State(path) as state:
        assert state.computers() == (BOX, Computer("home", "local", LocalEndpoint()))
        assert state.computer("box") == BOX
        assert state.environment("hello") == saved == replace(HELLO, created=saved.created, updated=saved.updated)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_saving_again_keeps_when_it_was_made(path: Path) -> None:
    times = iter([100.0, 200.0])
    with State(path, clock=lambda: next(times)) as state:
        state.save_environment(HELLO)
        again = state.save_environment(replace(HELLO, status="failed", ports=()))
        assert (again.created, again.updated, again.status, again.ports) == (100.0, 200.0, "failed", ())
        assert state.environments() == (again,)


def test_one_name_on_two_computers(path: Path) -> None:
    with State(path) as state:
        state.save_environment(HELLO)
        elsewhere = state.save_environment(replace(HELLO, computer="local"))
        assert [record.computer for record in state.environments()] == ["box", "local"]
        assert state.environments("local") == (elsewhere,)
        assert state.environment("hello", "local") == elsewhere
        with pytest.raises(UsageError, match="several computers: `local`, `box`"):
            state.environment("hello")
        state.delete_environment("hello", "local")
        state.delete_environment("hello", "local")
        found = state.environment("hello")
        assert found is not None
        assert found.computer == "box"


def test_forgetting_a_computer_forgets_its_environments(path: Path) -> None:
    with State(path) as state:
        state.save_computer(BOX)
        state.save_environment(HELLO)
        state.delete_computer("box")
        state.delete_computer("box")
        assert (state.computers(), state.environments()) == ((), ())


def test_a_block_that_fails_changes_nothing(path: Path) -> None:
    with State(path) as state:
        with pytest.raises(ZeroDivisionError):
            save_and_fail(state)
        assert (state.computers(), state.environments()) == ((), ())


def save_and_fail(state: State) -> None:
    with state.transaction():
        state.save_computer(BOX)
        state.save_environment(HELLO)
        raise ZeroDivisionError


def spoil_text(path: Path) -> None:
    path.write_text("not a database " * 100)


def spoil_empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def spoil_pages(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def spoil_other_database(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE computers (name TEXT)")


def spoil_table(path: Path) -> None:
    change(path, "DROP TABLE environments")


def spoil_endpoint(path: Path) -> None:
    change(path, """UPDATE computers SET endpoint = '{"kind": "ssh", "host": "h", "surprise": 1}'""")


def spoil_ports(path: Path) -> None:
    change(path, "UPDATE environments SET ports = '[1'")


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)


def test_a_name_that_is_not_utf8_is_no_damage(path: Path) -> None:
    with State(path) as state, pytest.raises(StateError, match=r"not UTF-8.*caf\\udce9"):
        state.save_environment(replace(HELLO, repo_path="/home/me/caf\udce9"))


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_text,
        spoil_empty,
        spoil_truncated,
        spoil_pages,
        spoil_other_database,
        spoil_table,
        spoil_endpoint,
        spoil_ports,
    ],
)
def test_a_damaged_file_is_never_an_empty_index(path: Path, spoil: Callable[[Path], None]) -> None:
    with State(path) as state:
        state.save_computer(BOX)
        state.save_environment(HELLO)
    spoil(path)
    with pytest.raises(StateError, match="damaged") as raised, State(path) as state:
        state.computers(), state.environments()
    assert raised.value.hint == "ez config reset --state"


def test_a_file_of_a_newer_ez(path: Path) -> None:
    State(path).close()
    change(path, "PRAGMA user_version = 99")
    with pytest.raises(StateError, match="newer ez") as raised:
        State(path)
    assert raised.value.hint == "upgrade ez"


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        State(tmp_path / "file" / "state.db")


def test_another_process_that_never_lets_go(path: Path) -> None:
    with State(path) as holder, State(path, wait=0.05) as state, holder.transaction():
        assert state.computers() == ()
        with pytest.raises(BusyError, match="another ez"):
            state.save_computer(BOX)


def write_many(path: Path, name: str, count: int) -> None:
    for number in range(count):
        with State(path) as state, state.transaction():
            seen = state.environment("shared", "local") or EnvironmentRecord("shared", "local", status="0")
            state.save_environment(replace(seen, status=str(int(seen.status) + 1)))
            state.save_environment(EnvironmentRecord(f"{name}-{number}", "local"))


def test_processes_that_write_at_once(path: Path) -> None:
    """They also race to make the file."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, name, 25)) for name in ("a", "b", "c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    with State(path) as state:
        shared = state.environment("shared")
        assert shared is not None
        assert shared.status == "75"
        assert len(state.environments()) == 76


def test_a_thousand_environments_are_listed(path: Path) -> None:
    with State(path) as state, state.transaction():
        for number in range(1000):
            state.save_environment(replace(HELLO, name=f"hello-{number}"))
    with State(path) as state:
        assert len(state.environments()) == 1000
