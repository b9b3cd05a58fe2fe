"""The index itself: computers, environments, choices, and transactions over all of it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from ez.errors import BusyError, StateError, UsageError
from ez.models import Computer, Endpoint, LocalEndpoint, Port, SshEndpoint
from ez.state.machines import Machines
from ez.state.records import EnvironmentRecord
from ez.state.schema import APPLICATION_ID, REBUILD_COMMAND, SCHEMA_VERSION, WAIT_SECONDS, connect, create, upgrade

_COLUMNS = tuple(field.name for field in fields(EnvironmentRecord))
_UPSERT = (
    f"INSERT INTO environments ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (name, computer) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS if column not in ("name", "computer", "created"))
)


class State:
    """The index in the file `path`, made when it is missing; used as a context manager, from any thread.

    Every method raises StateError when the file cannot be read or written, and BusyError when another process
    keeps it locked for longer than `WAIT_SECONDS`.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, wait: float = WAIT_SECONDS) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.RLock()
        with self._translated():
            if not path.exists():
                create(path)
            self._connection = connect(path, wait)
        self.machines = Machines(self._rows, self.transaction, self._translated, clock)
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> State:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def computers(self) -> tuple[Computer, ...]:
        """All computers, by name."""
        rows = self._rows("SELECT name, provider, endpoint FROM computers ORDER BY name")
        return tuple(self._computer(row) for row in rows)

    def computer(self, name: str) -> Computer | None:
        rows = self._rows("SELECT name, provider, endpoint FROM computers WHERE name = ?", (name,))
        return self._computer(rows[0]) if rows else None

    def save_computer(self, computer: Computer) -> None:
        """Add the computer or replace what was known of it."""
        self._rows(
            "INSERT INTO computers VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
            "provider = excluded.provider, endpoint = excluded.endpoint",
            (computer.name, computer.provider, _endpoint_to_json(computer.endpoint)),
        )

    def delete_computer(self, name: str) -> None:
        """Forget a computer, the environments on it, and that it was chosen; one that is not there is no error."""
        with self.transaction():
            self._rows("DELETE FROM choices WHERE what = 'computer' AND name = ?", (name,))
            self._rows("DELETE FROM computers WHERE name = ?", (name,))
            self._rows("DELETE FROM environments WHERE computer = ?", (name,))

    def environments(self, computer: str | None = None) -> tuple[EnvironmentRecord, ...]:
        """All environments, or those of one computer, by name."""
        wanted, values = (" WHERE computer = ?", (computer,)) if computer is not None else ("", ())
        rows = self._rows(f"SELECT {', '.join(_COLUMNS)} FROM environments{wanted} ORDER BY name, computer", values)
        return tuple(self._environment(row) for row in rows)

    def environment(self, name: str, computer: str | None = None) -> EnvironmentRecord | None:
        """The environment of that name, None when there is none.

        Raises UsageError when several computers have one and `computer` does not say which.
        """
        wanted, values = (" AND computer = ?", (name, computer)) if computer is not None else ("", (name,))
        query = f"SELECT {', '.join(_COLUMNS)} FROM environments WHERE name = ?{wanted} ORDER BY updated DESC"
        found = [self._environment(row) for row in self._rows(query, values)]
        if len(found) > 1:
            where = ", ".join(f"`{record.computer}`" for record in found)
            raise UsageError(f"environment `{name}` is on several computers: {where}", f"add `-c {found[0].computer}`")
        return found[0] if found else None

    def save_environment(self, record: EnvironmentRecord) -> EnvironmentRecord:
        """Add or replace by name and computer; gives the record with its times. The first `created` is kept."""
        now = self._clock()
        saved = replace(record, created=record.created or now, updated=now)
        values = [_to_column(getattr(saved, column)) for column in _COLUMNS]
        with self.transaction():
            self._rows(_UPSERT, values)
            key = (record.name, record.computer)
            return replace(
                saved, created=self._rows("SELECT created FROM environments WHERE name = ? AND computer = ?", key)[0][0]
            )

    def delete_environment(self, name: str, computer: str) -> None:
        """Forget an environment; one that is not there is no error."""
        self._rows("DELETE FROM environments WHERE name = ? AND computer = ?", (name, computer))

    def chosen(self, what: str) -> str:
        """What the person chose as their default `computer`; empty without a choice."""
        rows = self._rows("SELECT name FROM choices WHERE what = ?", (what,))
        return str(rows[0][0]) if rows else ""

    def choose(self, what: str, name: str) -> None:
        """Remember the choice; an empty name takes it back."""
        with self.transaction():
            self._rows("DELETE FROM choices WHERE what = ?", (what,))
            if name:
                self._rows("INSERT INTO choices VALUES (?, ?)", (what, name))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is read and written in the block happens at once for every other process, or not at all."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._rows("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._rows("ROLLBACK")
                raise
            self._rows("COMMIT")

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._translated():
            return self._connection.execute(query, values).fetchall()

    def _check(self) -> None:
        owner, version = self._rows("SELECT * FROM pragma_application_id, pragma_user_version")[0]
        if owner != APPLICATION_ID:
            raise self._damaged("it is not an index made by ez")
        if version > SCHEMA_VERSION:
            raise StateError(f"state file is of a newer ez (schema {version}): `{self.path}`", "upgrade ez")
        if version < 1:
            raise self._damaged(f"schema {version} is unknown")
        if version < SCHEMA_VERSION:
            with self._lock, self._translated():
                upgrade(self._connection)

    def _computer(self, row: tuple[Any, ...]) -> Computer:
        with self._translated():
            return Computer(row[0], row[1], _endpoint_from_json(row[2]))

    def _environment(self, row: tuple[Any, ...]) -> EnvironmentRecord:
        values = dict(zip(_COLUMNS, row, strict=True))
        with self._translated():
            values["ports"] = tuple(Port(**port) for port in json.loads(values["ports"]))
            values["commands"] = tuple((name, line) for name, line in json.loads(values["commands"]))
            return EnvironmentRecord(**values)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._operational(error) from error
        except UnicodeEncodeError as error:
            shown = str(error.object).encode("utf-8", "backslashreplace").decode()
            raise StateError(f"not UTF-8, so it cannot be kept in the index: `{shown}`", "rename it") from error
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StateError(
                f"state file cannot be used: `{self.path}`: {reason}", f"ls -la {self.path.parent}"
            ) from error

    def _operational(self, error: sqlite3.OperationalError) -> StateError | BusyError:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return BusyError(f"another ez holds the state file: `{self.path}`", "run the same command again")
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            return self._damaged(str(error))
        return StateError(f"state file cannot be used: `{self.path}`: {error}", f"ls -la {self.path.parent}")

    def _damaged(self, reason: str) -> StateError:
        return StateError(f"state file is damaged: `{self.path}`: {reason}", REBUILD_COMMAND)


def _to_column(value: object) -> object:
    if not isinstance(value, tuple):
        return value
    return json.dumps([asdict(item) if isinstance(item, Port) else item for item in value])


def _endpoint_to_json(endpoint: Endpoint) -> str:
    kind = "local" if isinstance(endpoint, LocalEndpoint) else "ssh"
    return json.dumps({"kind": kind, **asdict(endpoint)})


def _endpoint_from_json(text: str) -> Endpoint:
    values = json.loads(text)
    kind = values.pop("kind")
    if kind == "local":
        return LocalEndpoint(**values)
    if kind != "ssh":
        raise ValueError(f"unknown endpoint: {kind}")
    return SshEndpoint(**{**values, "host_keys": tuple(values.get("host_keys", ()))})
