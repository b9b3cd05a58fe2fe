"""The index of computers and environments: one SQLite file, rebuildable from the truth outside.

Any number of ez processes may use it at once. It never holds a secret: endpoints name key files, not keys.
A file that cannot be read is a StateError with a way out, and is never taken for an empty index.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ez.errors import BusyError, StateError, UsageError
from ez.models import Computer, Endpoint, LocalEndpoint, Port, SshEndpoint

SCHEMA_VERSION = 1
WAIT_SECONDS = 10.0
REBUILD_COMMAND = "ez config reset --state"

_APPLICATION_ID = 0x657A6462  # "ezdb": the file says whose it is (sqlite.org/pragma.html#pragma_application_id)
_SCHEMA = """
CREATE TABLE computers (name TEXT PRIMARY KEY, provider TEXT NOT NULL, endpoint TEXT NOT NULL);
CREATE TABLE environments (
    name TEXT NOT NULL, computer TEXT NOT NULL, repo_url TEXT NOT NULL, repo_path TEXT NOT NULL, ref TEXT NOT NULL,
    entry TEXT NOT NULL, container TEXT NOT NULL, image TEXT NOT NULL, digest TEXT NOT NULL, alias TEXT NOT NULL,
    workdir TEXT NOT NULL, host_path TEXT NOT NULL, ports TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    status TEXT NOT NULL, commands TEXT NOT NULL, PRIMARY KEY (name, computer)
);
"""


@dataclass(frozen=True)
class EnvironmentRecord:
    """What the index knows of an environment. Text is empty, times 0, where nothing is known yet.

    `repo_path` is a directory on this computer, `host_path` the work tree on the environment's computer, `workdir`
    the directory inside; `entry` is `FILE[:FUNC]` of the build file; `image` a reference in the computer's engine.
    Times are Unix seconds, set by `State.save_environment`. `status` is the engine's word for the container when it was
    last looked at; `commands` are the named command lines of runtime.command.
    """

    name: str
    computer: str
    repo_url: str = ""
    repo_path: str = ""
    ref: str = ""
    entry: str = ""
    container: str = ""
    image: str = ""
    digest: str = ""
    alias: str = ""
    workdir: str = ""
    host_path: str = ""
    ports: tuple[Port, ...] = ()
    created: float = 0.0
    updated: float = 0.0
    status: str = ""
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def repo(self) -> str:
        """The address or the directory that it was opened from."""
        return self.repo_url or self.repo_path


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
                _create(path)
            self._connection = _connect(path, wait)
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
        """Forget a computer and the environments on it; one that is not there is no error."""
        with self.transaction():
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
        if owner != _APPLICATION_ID:
            raise self._damaged("it is not an index made by ez")
        if version > SCHEMA_VERSION:
            raise StateError(f"state file is of a newer ez (schema {version}): `{self.path}`", "upgrade ez")
        if version != SCHEMA_VERSION:
            raise self._damaged(f"schema {version} is unknown")

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


def _create(path: Path) -> None:
    """Make an empty index. It appears complete or not at all, and whoever is first wins."""
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".state-", dir=path.parent) as folder:
        fresh = Path(folder) / "state.db"
        connection = sqlite3.connect(fresh, isolation_level=None)
        connection.executescript(
            f"PRAGMA journal_mode = WAL; BEGIN; PRAGMA application_id = {_APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; {_SCHEMA} COMMIT;"
        )
        connection.close()
        fresh.chmod(0o600)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass


def _connect(path: Path, wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


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
