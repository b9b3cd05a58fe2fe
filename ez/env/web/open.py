"""Give an address that opens what is served inside, for one visit; whoever holds its gate is started where needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ez.compute.lock import named_lock
from ez.env.web.held import Held, ask
from ez.env.web.serve import Served
from ez.errors import HostError
from ez.events import Sink

START_SECONDS = 20.0


def address(held: Held, served: Served, locks: Path, sink: Sink, start: Callable[[], None]) -> str:
    """`start` starts a holder as a process of its own. Raises HostError where it does not come up."""
    question: dict[str, object] = {
        "ask": "open",
        "socket": served.socket,
        "headers": [list(pair) for pair in served.headers],
        "start": served.start,
        "hint": f"ez env open {held.environment} -c {held.computer} --ide {held.kind}",
    }
    with named_lock(locks, f"web.{held.environment}.{held.computer}.{held.kind}", sink):
        told = ask(held, question)
        if told is None:
            start()
            told = _first_answer(held, question)
    return str(told.get("address", ""))


def _first_answer(held: Held, question: dict[str, object]) -> dict[str, object]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        told = ask(held, question)
        if told is not None:
            return told
        time.sleep(0.05)
    raise HostError(f"no gate to `{held.environment}` could be opened here", "the newest log of `env-gate` says why")
