"""The machines of clouds in the index: what was ordered and what came of it, when which power held, what was refused.

A record is written before the first billed call and again after it, so that whatever is paid for is known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from typing import Any

from ez.errors import BusyError
from ez.models import Workspace
from ez.state.records import LIVING, MachineRecord, Phase, PowerChange, Refusal

_COLUMNS = tuple(field.name for field in fields(MachineRecord))
_FLAGS = ("spot", "private")
_WORKSPACE = tuple(field.name for field in fields(Workspace))
_REFUSAL = tuple(field.name for field in fields(Refusal))

Rows = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]


class Machines:
    """Part of `State`, with its errors: StateError, BusyError."""

    def __init__(
        self,
        rows: Rows,
        transaction: Callable[[], AbstractContextManager[None]],
        translated: Callable[[], AbstractContextManager[None]],
        clock: Callable[[], float],
    ) -> None:
        self._rows, self._transaction, self._translated, self._clock = rows, transaction, translated, clock

    def save(self, record: MachineRecord) -> None:
        """Add a record or replace the one of its `create_id`. Raises BusyError where another of its name is living."""
        values = [_to_column(getattr(record, name)) for name in _COLUMNS]
        marks = ", ".join("?" * len(_COLUMNS))
        with self._transaction():
            other = self.named(record.name) if record.phase in LIVING else None
            if other is not None and other.create_id != record.create_id:
                raise BusyError(f"another ez has ordered it: `{record.name}`", "run the same command again")
            self._rows("DELETE FROM machines WHERE create_id = ?", (record.create_id,))
            self._rows(f"INSERT INTO machines ({', '.join(_COLUMNS)}) VALUES ({marks})", values)

    def named(self, name: str) -> MachineRecord | None:
        """The one of that name which is ordered, here or leaving."""
        return next((record for record in self._find("name = ?", (name,)) if record.phase in LIVING), None)

    def of(self, create_id: str) -> MachineRecord | None:
        return next(iter(self._find("create_id = ?", (create_id,))), None)

    def all(self, *phases: Phase) -> tuple[MachineRecord, ...]:
        """Those in one of `phases`, by name; every one without."""
        marks = ", ".join("?" * len(phases))
        return self._find(f"phase IN ({marks})" if phases else "1", phases)

    def note_power(self, create_id: str, power: str, at: float, price: float | None) -> None:
        """From `at` on it is in `power`; nothing is written where that is known."""
        with self._transaction():
            known = self.changes(create_id)
            if known and (known[-1].power, known[-1].price) == (power, price):
                return
            at = max(at, known[-1].at) if known else at
            self._rows("INSERT INTO power_changes VALUES (?, ?, ?, ?)", (create_id, at, power, price))
            self._rows("UPDATE machines SET power = ? WHERE create_id = ?", (power, create_id))

    def changes(self, create_id: str) -> tuple[PowerChange, ...]:
        """In the order of time."""
        query = "SELECT at, power, price FROM power_changes WHERE create_id = ? ORDER BY at, rowid"
        return tuple(PowerChange(*row) for row in self._rows(query, (create_id,)))

    def refuse(self, refusal: Refusal) -> None:
        """Remember it; what is no longer valid is forgotten."""
        values = [_to_column(getattr(refusal, name)) for name in _REFUSAL]
        with self._transaction():
            self._rows("DELETE FROM refusals WHERE until <= ?", (self._clock(),))
            self._rows(f"INSERT INTO refusals ({', '.join(_REFUSAL)}) VALUES ({', '.join('?' * len(values))})", values)

    def refusals(self, provider: str, account: str) -> tuple[Refusal, ...]:
        """Those that are still valid, oldest first."""
        query = f"SELECT {', '.join(_REFUSAL)} FROM refusals WHERE provider = ? AND account = ? AND until > ?"
        found = []
        for row in self._rows(f"{query} ORDER BY rowid", (provider, account, self._clock())):
            values = dict(zip(_REFUSAL, row, strict=True))
            found.append(Refusal(**values | {"spot": None if values["spot"] is None else bool(values["spot"])}))
        return tuple(found)

    def _find(self, condition: str, values: Sequence[object]) -> tuple[MachineRecord, ...]:
        query = f"SELECT {', '.join(_COLUMNS)} FROM machines WHERE {condition} ORDER BY name, ordered"
        return tuple(self._record(row) for row in self._rows(query, values))

    def _record(self, row: tuple[Any, ...]) -> MachineRecord:
        values = dict(zip(_COLUMNS, row, strict=True))
        with self._translated():
            values["workspace"] = _workspace(json.loads(values["workspace"]))
            values["host_keys"] = tuple(json.loads(values["host_keys"]))
            return MachineRecord(**values | {name: bool(values[name]) for name in _FLAGS})


def _workspace(kept: dict[str, Any]) -> Workspace:
    """What an ez that knows more of workspaces kept beside is left out."""
    values: dict[str, Any] = {name: kept[name] for name in _WORKSPACE if name in kept}
    values.update({name: tuple(value) for name, value in values.items() if isinstance(value, list)})
    return Workspace(**values)


def _to_column(value: object) -> object:
    if isinstance(value, Workspace):
        return json.dumps(asdict(value))
    return json.dumps(value) if isinstance(value, tuple) else value
