"""Which calls were made, for assertions such as `two calls for a listing`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass
class Entry:
    """One call. `status` is 0 where no reply was sent; `at` is the emulator's time, `took` real seconds."""

    route: str
    method: str
    path: str
    caller: str = ""
    version: str = ""
    status: int = 0
    code: str = ""
    at: float = 0
    took: float = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Log:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def of(self, route: str = "*") -> list[Entry]:
        """The calls of a route, which may have `*`."""
        return [entry for entry in self.entries if fnmatchcase(entry.route.lower(), route.lower())]

    def writes(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.method not in ("GET", "HEAD")]

    def clear(self) -> None:
        self.entries.clear()
