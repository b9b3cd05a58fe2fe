"""What goes wrong on demand: errors at the n-th call of a route, replies that never arrive, slow calls."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal

from .wire import ArmError


@dataclass(frozen=True)
class Code:
    """An error code of Azure's catalogue. `when`: the call is answered with it (`at once`), the operation that the call
    begins ends with it (`later`), or it says of what the call is about that it is not there (`gone`)."""

    code: str
    when: str
    status: int
    message: str


@cache
def codes() -> dict[str, Code]:
    with (Path(__file__).parent / "data" / "errors.csv").open(newline="") as file:
        rows = [Code(row["code"], row["when"], int(row["status"]), row["message"]) for row in csv.DictReader(file)]
    return {row.code: row for row in rows}


AT_ONCE = tuple(one.code for one in codes().values() if one.when == "at once")
LATER = tuple(one.code for one in codes().values() if one.when == "later")
GONE = tuple(one.code for one in codes().values() if one.when == "gone")


@dataclass
class Fault:
    """From the `nth` matching call on, `times` times: `code`, or with `lose` no reply at all, `before` or `after` the
    call was done. `route` may have `*`. `latency` is seconds that these calls take, whatever else happens."""

    route: str = "*"
    code: str = ""
    nth: int = 1
    times: int = 1
    status: int = 0
    message: str = ""
    retry_after: float = 0
    lose: Literal["", "before", "after"] = ""
    latency: float = 0
    seen: int = 0

    def strikes(self, route: str) -> bool:
        """Count the call; whether it is one of those."""
        if not fnmatchcase(route.lower(), self.route.lower()):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    @property
    def is_late(self) -> bool:
        return self.code in LATER and not self.status

    def error(self) -> ArmError:
        known = codes().get(self.code, Code(self.code, "at once", 500, self.code))
        status = known.status if self.is_late else self.status or known.status
        found = ArmError(status, self.code, self.message or known.message, after=self.retry_after)
        if found.status == 401:
            found.headers["WWW-Authenticate"] = f'Bearer authorization_uri="https://login/", error="{self.code}"'
        return found
