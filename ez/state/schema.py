"""The file: how it is made, how older ones become this ez's, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

SCHEMA_VERSION = 2
WAIT_SECONDS = 10.0
REBUILD_COMMAND = "ez config reset --state"
APPLICATION_ID = 0x657A6462  # "ezdb": the file says whose it is (sqlite.org/pragma.html#pragma_application_id)

_FIRST = (
    "CREATE TABLE computers (name TEXT PRIMARY KEY, provider TEXT NOT NULL, endpoint TEXT NOT NULL)",
    """CREATE TABLE environments (
    name TEXT NOT NULL, computer TEXT NOT NULL, repo_url TEXT NOT NULL, repo_path TEXT NOT NULL, ref TEXT NOT NULL,
    entry TEXT NOT NULL, container TEXT NOT NULL, image TEXT NOT NULL, digest TEXT NOT NULL, alias TEXT NOT NULL,
    workdir TEXT NOT NULL, host_path TEXT NOT NULL, ports TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    status TEXT NOT NULL, commands TEXT NOT NULL, PRIMARY KEY (name, computer))""",
)
_MACHINES = (
    """CREATE TABLE machines (
    create_id TEXT PRIMARY KEY, name TEXT NOT NULL, phase TEXT NOT NULL, provider TEXT NOT NULL,
    workspace TEXT NOT NULL, id TEXT NOT NULL, region TEXT NOT NULL, zone TEXT NOT NULL, size TEXT NOT NULL,
    spot INTEGER NOT NULL,
    disk INTEGER NOT NULL, price REAL, user TEXT NOT NULL, identity TEXT NOT NULL, host_keys TEXT NOT NULL,
    power TEXT NOT NULL, source TEXT NOT NULL, lease REAL NOT NULL, idle_minutes INTEGER NOT NULL,
    private INTEGER NOT NULL, expires REAL NOT NULL, ordered REAL NOT NULL, made REAL NOT NULL, gone REAL NOT NULL,
    fenced REAL NOT NULL)""",
    # Two runs at once cannot both order one.
    "CREATE UNIQUE INDEX living_machines ON machines (name) WHERE phase IN ('ordered', 'here', 'leaving')",
    """CREATE TABLE power_changes (
    create_id TEXT NOT NULL, at REAL NOT NULL, power TEXT NOT NULL, price REAL)""",
    "CREATE INDEX power_changes_of ON power_changes (create_id)",
    """CREATE TABLE refusals (
    provider TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, size TEXT NOT NULL, zone TEXT NOT NULL,
    spot INTEGER, until REAL NOT NULL, reason TEXT NOT NULL)""",
    "CREATE TABLE choices (what TEXT PRIMARY KEY, name TEXT NOT NULL)",
)
_STEPS = {0: _FIRST, 1: _MACHINES}
"""What makes the next version of a file of that version."""


def create(path: Path) -> None:
    """Make an empty index. It appears complete or not at all, and whoever is first wins."""
    import tempfile

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".state-", dir=path.parent) as folder:
        fresh = Path(folder) / "state.db"
        connection = sqlite3.connect(fresh, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        _raise_from(connection, 0)
        connection.execute("COMMIT")
        connection.close()
        fresh.chmod(0o600)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass


def connect(path: Path, wait: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an older file to SCHEMA_VERSION, whole or not at all; another ez may do so at the same time."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < SCHEMA_VERSION:
            _raise_from(connection, version)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _raise_from(connection: sqlite3.Connection, version: int) -> None:
    for older in range(version, SCHEMA_VERSION):
        for statement in _STEPS[older]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
