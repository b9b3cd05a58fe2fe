"""The emulator's clock: a virtual one that moves with the calls made, or the real one."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime


class Clock:
    """`virtual`: each call takes a `tick`, and who polls an operation is taken to have waited as told, so that nothing
    really takes time. Otherwise time is real and operations take `pace` times as long as they do on Azure."""

    def __init__(self, *, virtual: bool = True, pace: float = 0.1, tick: float = 1.0) -> None:
        self.virtual = virtual
        self.pace = 1.0 if virtual else pace
        self.tick = tick
        self.as_recorded = False
        """Whether Retry-After is what Azure would say, also where nobody should wait that long."""
        self._moved = 0.0
        self._stands = time.time()

    def now(self) -> float:
        """Unix seconds."""
        return (self._stands if self.virtual else time.time()) + self._moved

    def advance(self, seconds: float) -> None:
        self._moved += seconds

    def called(self, waits: float = 0) -> None:
        """A call was answered, which told its caller to wait `waits` seconds."""
        if self.virtual:
            self._moved += max(self.tick, waits)

    def wait(self, seconds: float) -> dict[str, str]:
        """The header that tells a poll to wait: Retry-After as Azure has it, or, where nobody should wait that long,
        milliseconds, which azure-core takes too (its generated clients know whole seconds only)."""
        if self.as_recorded:
            return {"Retry-After": f"{seconds:.0f}"}
        return {"x-ms-retry-after-ms": "10" if self.virtual else f"{max(10.0, seconds * self.pace * 1000):.0f}"}

    def told(self, seconds: float) -> dict[str, str]:
        """What a refusal says of when to ask again: the truth, or hardly any time where time is virtual."""
        if self.virtual and not self.as_recorded:
            return {"x-ms-retry-after-ms": "10"}
        return {"Retry-After": f"{math.ceil(seconds)}"}

    def takes(self, seconds: float) -> float:
        """How long something lasts that takes `seconds` on Azure."""
        return seconds * self.pace


def stamp(seconds: float) -> str:
    """ISO time, as Azure writes it: `2026-11-22T10:11:12.3456780+00:00`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"
