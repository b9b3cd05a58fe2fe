"""The record of what an environment asked for at home, and what became of it. No secret is in it."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ez.names import shown

_LONGEST_FILE = 2_000_000


@dataclass(frozen=True)
class Use:
    """`time` is in UTC (`2026-03-01T12:00:00Z`); `answer` is `given`, `signed`, `refused`, `unknown` or `no agent`."""

    time: str
    kind: str
    name: str
    answer: str


class Uses:
    """The file of one environment, in its `records` directory; one older part of it is kept."""

    def __init__(self, records: Path) -> None:
        self._path = records / "uses.jsonl"
        self._alone = threading.Lock()

    def record(self, kind: str, name: str, answer: str) -> None:
        use = Use(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), kind, shown(name), answer)
        with self._alone, suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > _LONGEST_FILE:
                self._path.replace(self._path.with_name("uses.jsonl.1"))
            with self._path.open("a", encoding="utf-8", errors="replace") as file:
                self._path.chmod(0o600)
                file.write(json.dumps(asdict(use)) + "\n")

    def last(self, count: int) -> tuple[Use, ...]:
        """The newest so many, the oldest of them first."""
        lines: list[str] = []
        for path in (self._path.with_name("uses.jsonl.1"), self._path):
            with suppress(OSError):
                lines += path.read_text("utf-8", "replace").splitlines()
        found = (_parse(line) for line in lines[-count:])
        return tuple(use for use in found if use is not None)


def _parse(line: str) -> Use | None:
    try:
        entry = json.loads(line)
        return Use(*(str(entry[key]) for key in ("time", "kind", "name", "answer")))
    except (ValueError, KeyError, TypeError):
        return None
