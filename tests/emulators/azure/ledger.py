"""What it costs: a price an hour for each resource, added up over the emulator's time, so that a leak is a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Line:
    """`rate` is US dollars an hour since `since`, `paid` what it cost before."""

    id: str
    what: str
    rate: float
    since: float
    paid: float = 0

    def total(self, now: float) -> float:
        return self.paid + self.rate * max(0.0, now - self.since) / 3600


class Ledger:
    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], Line] = {}

    def charge(self, identity: str, what: str, rate: float, at: float) -> None:
        """From then on it costs `rate` US dollars an hour; 0 ends it."""
        key = (identity.lower(), what)
        if key in self._lines:
            line = self._lines[key]
            line.paid, line.since, line.rate = line.total(at), at, rate
        elif rate:
            self._lines[key] = Line(identity, what, rate, at)

    def stop(self, identity: str, at: float) -> None:
        for one, what in list(self._lines):
            if one == identity.lower():
                self.charge(one, what, 0, at)

    def rate(self) -> float:
        """US dollars an hour, now: 0 where nothing is left that costs anything."""
        return round(sum(line.rate for line in self._lines.values()), 9)

    def total(self, now: float, under: str = "") -> float:
        """US dollars so far, for ids that begin with `under`."""
        return sum(line.total(now) for line in self.lines() if line.id.lower().startswith(under.lower()))

    def lines(self) -> list[Line]:
        return list(self._lines.values())
