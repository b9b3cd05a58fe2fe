"""Machines of clouds, on the emulated Azure: choosing, the check before a machine is made, and listing a thousand, with
100 ms a call; and how many calls a machine's life takes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ez.compute.lifecycle import delete, start, stop
from scripts.benchmarks._measure import Row, against, headline, interleaved, table
from scripts.benchmarks._person import EZ, person
from tests.compute.rehearsal import rehearsal
from tests.emulators.azure import Emulator

ROUNDS = 7
MACHINES, SUBSCRIPTIONS = 1_000, 3
CALL_SECONDS = 0.1
"""What a call to Azure takes from afar."""


def main() -> None:
    _commands()
    _life()


def _commands() -> None:
    with Emulator() as azure, person(EZ_PROVIDER="azure", EZ_AZURE_ENDPOINT=azure.url) as somebody:
        headline(f"machines of clouds, {CALL_SECONDS} s a call, {ROUNDS} rounds")
        azure.settings.latency = CALL_SECONDS
        plan = ("create", "gpu1", "--gpu", "T4", "--region", "eastus", "--region", "westeurope", "--dry-run")
        rows = [
            _row(azure, "a size and its price, offline", partial(somebody.seconds, EZ, "compute", "sizes"), 0.2),
            _row(azure, "the plan of a machine, all checked", partial(somebody.seconds, EZ, "compute", *plan), 3.0),
        ]
        azure.seed(MACHINES, subscriptions=SUBSCRIPTIONS)
        listing = partial(somebody.seconds, EZ, "compute", "ls", "--all")
        rows.append(_row(azure, f"{MACHINES} machines in {SUBSCRIPTIONS} subscriptions", listing))
        table(rows, ("what", "median (least - most)", "calls, budget"))


def _row(azure: Emulator, what: str, act: Callable[[], float], budget: float | None = None) -> Row:
    before = len(azure.log)
    timing = interleaved(ROUNDS, {what: act})[what]
    calls = f"{(len(azure.log) - before) / ROUNDS:g}"
    return what, str(timing), f"{calls}, {against(budget, timing.median)}" if budget else calls


def _life() -> None:
    """The calls that each takes; looks at what goes on are as many as Azure takes time for it."""
    with Emulator() as azure, tempfile.TemporaryDirectory(prefix="ez-") as folder:
        with rehearsal(azure, Path(folder)) as somebody:
            acts: dict[str, Callable[[], object]] = {
                "create": somebody.create,
                "stop": partial(stop, "gpu1", somebody.cloud),
                "start": partial(start, "gpu1", somebody.cloud),
                "delete": partial(delete, "gpu1", somebody.cloud),
            }
            rows = [(name, *_calls(azure, act)) for name, act in acts.items()]
            table(rows, ("a machine's life", "calls", "and looks at what goes on"))
        if azure.count():
            raise SystemExit(f"error: {azure.count()} resources are left")


def _calls(azure: Emulator, act: Callable[[], object]) -> tuple[str, str]:
    before = len(azure.log)
    act()
    entries = list(azure.log)[before:]
    looks = sum(entry.route.startswith("operations.") for entry in entries)
    return str(len(entries) - looks), str(looks)


if __name__ == "__main__":
    main()
