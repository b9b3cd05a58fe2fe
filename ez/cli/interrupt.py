"""Ctrl-C: the first ends the command in order, and those that follow do not disturb that.

Without this a second one could come in the middle of cleaning up and leave files behind, or a lock that nobody gives
back. Whoever has no more patience ends the process with one more after `PATIENCE` seconds.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from types import FrameType

from ez.errors import EXIT_INTERRUPTED

PATIENCE = 5.0


class Interrupts:
    """Handles SIGINT of this process. Only the main thread can `listen`; elsewhere it does nothing."""

    def __init__(self) -> None:
        self._first: float | None = None

    def listen(self) -> None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._heard)
            # While Python ends, a handler of its own is gone and the signal would kill.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._first is None:
            self._first = time.monotonic()
            if not _ends_by_itself():
                raise KeyboardInterrupt
        elif time.monotonic() - self._first > PATIENCE:
            os._exit(EXIT_INTERRUPTED)


def _ends_by_itself() -> bool:
    """Where an event loop runs, an exception in the middle of it could lose what it was about to do."""
    if "asyncio" not in sys.modules:
        return False
    from ez.build.running import cancel_running

    return cancel_running()
