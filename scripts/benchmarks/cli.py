"""How fast `ez` starts: commands that only look, with 100 environments in the index, and what the start is made of."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import partial

from ez.models import Computer, Port, SshEndpoint
from ez.state import EnvironmentRecord, State
from scripts.benchmarks._measure import Row, against, duration, headline, interleaved, table
from scripts.benchmarks._person import EZ, Person, person

ROUNDS = 20
ENVIRONMENTS = 100
COMPUTERS = 10
SHOWN_MODULES = 12

_BUDGETS = {"ez --version": 0.1, "ez env ls": 0.2, "ez compute ls": 0.2, "ez compute sizes": 0.2}
_IMPORTED = re.compile(r"^import time: +(\d+) \| +(\d+) \| *(\S+)$", re.M)


def main() -> None:
    with person() as somebody:
        _fill(somebody)
        headline(f"starting `ez`, {ENVIRONMENTS} environments on {COMPUTERS} computers, {ROUNDS} rounds in turns")
        commands = {
            "ez --version": (EZ, "--version"),
            "ez env ls": (EZ, "env", "ls"),
            "ez compute ls": (EZ, "compute", "ls"),
            "ez compute sizes": (EZ, "compute", "sizes", "--gpu", ">=24GB"),
            "ez --help": (EZ, "--help"),
            "an empty Python program": (sys.executable, "-c", "pass"),
        }
        timings = interleaved(ROUNDS, {name: partial(somebody.seconds, *command) for name, command in commands.items()})
        rows: list[Row] = [
            (name, str(timing), against(_BUDGETS[name], timing.median) if name in _BUDGETS else "")
            for name, timing in timings.items()
        ]
        table(rows)
        _show_imports(somebody)


def _fill(somebody: Person) -> None:
    with State(somebody.home / ".local/state/ez/state.db") as state, state.transaction():
        for number in range(COMPUTERS):
            state.save_computer(Computer(f"box-{number}", "byo", SshEndpoint("192.0.2.1", 22, "dev")))
        for number in range(ENVIRONMENTS):
            name, computer = f"project-{number}", f"box-{number % COMPUTERS}"
            state.save_environment(
                EnvironmentRecord(
                    name,
                    computer,
                    repo_url=f"git@example.com:team/{name}.git",
                    alias=f"{name}.ez",
                    status="running",
                    ports=(Port(8888, 49000 + number, "jupyter"),),
                )
            )


def _show_imports(somebody: Person) -> None:
    """Where the time of `ez env ls` goes before its first line runs; being measured makes imports slower."""
    alone, whole = _imports(somebody, "import sys; sys.argv = ['ez', 'env', 'ls']; from ez.cli import main; main()")
    python, _ = _imports(somebody, "pass")
    packages: dict[str, float] = {}
    for name in alone.keys() - python.keys():
        package = name.partition(".")[0]
        packages[package] = packages.get(package, 0.0) + alone[name]
    total = (
        "all beyond Python itself",
        duration(sum(packages.values())),
        f"{len(alone.keys() - python.keys())} modules",
    )
    table([*_largest(packages), total], ("package, its own modules", "imports", ""))
    table(_largest(whole), ("module, with what it imports first", "imports", ""))


def _imports(somebody: Person, program: str) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds by module, alone and with all that it brings in."""
    command = '"$@" 2>&1 >/dev/null'
    lines = somebody.run("sh", "-c", command, "sh", sys.executable, "-X", "importtime", "-c", program)
    found = [(name, int(alone) / 1e6, int(whole) / 1e6) for alone, whole, name in _IMPORTED.findall(lines)]
    return {name: alone for name, alone, _ in found}, {name: whole for name, _, whole in found}


def _largest(seconds: Mapping[str, float]) -> list[Row]:
    ranked = sorted(seconds.items(), key=lambda item: item[1], reverse=True)
    return [(name, duration(spent), "") for name, spent in ranked[:SHOWN_MODULES]]


if __name__ == "__main__":
    main()
