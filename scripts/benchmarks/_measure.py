"""Times taken fairly, and how they are printed."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Timing:
    """Wall times in seconds of the same work done several times."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{duration(self.median)} ({duration(min(self.seconds))} - {duration(max(self.seconds))})"


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def interleaved(rounds: int, actions: Mapping[str, Callable[[], float]]) -> dict[str, Timing]:
    """Take turns (A B A B), so that a busy moment of the machine hits all alike. An action gives its own seconds."""
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            found[name].append(action())
    return {name: Timing(tuple(seconds)) for name, seconds in found.items()}


def duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def against(budget: float, seconds: float) -> str:
    """A budget in seconds, and whether `seconds` keep it."""
    return f"{duration(budget)}: {'kept' if seconds <= budget else 'MISSED'}"


def ratio_against(budget: float, ratio: float) -> str:
    return f"{budget:g}: {'kept' if ratio <= budget else 'MISSED'}"


def headline(title: str) -> None:
    """What is measured, when and on what."""
    load = Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else "unknown"
    print(f"\n{title}")
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores {platform.machine()}, "
        f"Python {platform.python_version()}, load {load}"
    )


def table(rows: Sequence[Row], headers: Row = ("what", "median (least - most)", "budget")) -> None:
    every = [headers, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(headers))]
    print()
    for row in every:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    sys.stdout.flush()
