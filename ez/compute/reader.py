"""Values that a computer told, each checked as it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ez.errors import HostError

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST = 8192


@dataclass(frozen=True)
class Reader:
    """Values by key. Each method raises HostError for one that is missing or is no value of its kind.

    Texts go into steps, terminals and files: they have no control characters, and an end.
    """

    computer: str
    values: Mapping[str, str]

    def text(self, key: str) -> str:
        if key not in self.values:
            raise self.error(key, "is missing")
        return _CONTROL.sub("?", self.values[key][:_LONGEST])

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(self.text(key).split())

    def number(self, key: str) -> int:
        value = self.text(key)
        if not re.fullmatch(r"\d{1,19}", value, re.ASCII):
            raise self.error(key, f"is no number: `{value[:40]}`")
        return int(value)

    def one_of(self, key: str, *allowed: str) -> str:
        value = self.text(key)
        if value not in allowed:
            raise self.error(key, f"is unknown: `{value[:40]}`")
        return value

    def flag(self, key: str) -> bool:
        return self.one_of(key, "yes", "no") == "yes"

    def error(self, key: str, what: str) -> HostError:
        return HostError(f"facts of `{self.computer}` cannot be read: {key} {what}", f"ez doctor {self.computer}")
