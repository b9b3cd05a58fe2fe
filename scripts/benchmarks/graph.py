"""Large graphs: time and memory of making, writing and submitting 100, 1,000 and 10,000 steps, each size by itself.

Pure work is told in processor time, what the engine has a part in by the clock.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ez.build.buildkit.builder import inquire
from ez.build.buildkit.client import Place
from ez.build.buildkit.gateway import Gateway
from ez.build.engine import Address, dialect
from ez.build.graph import Diff, ImageSource, Merge, Note, Position, Run, State
from ez.build.llb.marshal import marshal
from ez.build.load import load
from scripts.benchmarks._measure import Row, Timing, against, headline, interleaved, table, timed
from tests.testbed import Testbed

SIZES = (100, 1_000, 10_000)
ROUNDS = 7
ENGINE = Address.unix("/var/run/docker.sock")
BUDGET = 0.1
"""Seconds for a build.envd of 1,000 steps, from the file to LLB."""

_FILE = "build.envd of {:,} steps, file to LLB"
_SUBMIT = "submit {:,} steps to the engine here, nothing run"
_MEMORY = "most memory for {:,} steps, file to LLB"


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(_measured(int(sys.argv[1]))))
        return
    Testbed.up()
    headline(f"large graphs, {ROUNDS} rounds")
    found = {size: _in_a_process_of_its_own(size) for size in SIZES}
    rows: list[Row] = []
    for name in found[SIZES[0]]:
        show = _megabytes if name == _MEMORY else str
        for before, size in zip((0, *SIZES), SIZES, strict=False):
            timing = found[size][name]
            verdict = [against(BUDGET, timing.median)] if (name, size) == (_FILE, 1_000) else []
            growth = [f"{min(timing.seconds) / min(found[before][name].seconds):.1f} times"] if before else []
            rows.append((name.format(size), show(timing), ", ".join([*verdict, *growth])))
    table(rows, ("what", "median (least - most)", "budget, growth of the least (linear: 10 times)"))


def _in_a_process_of_its_own(size: int) -> dict[str, Timing]:
    command = [sys.executable, "-m", "scripts.benchmarks.graph", str(size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600)
    return {str(name): Timing(tuple(found)) for name, found in json.loads(done.stdout).items()}


def _measured(size: int) -> dict[str, Sequence[float]]:
    """Seconds, and bytes of memory, by what they are of."""
    with tempfile.TemporaryDirectory() as folder:
        place = _file(Path(folder), size)
        marshal(load(_file(Path(folder) / "one", 1), "one").state)  # Everything is imported and made once.
        before = _peak()
        to_llb(place)
        memory = _peak() - before
        gc.collect()
        gc.freeze()  # No more than one definition is at hand in a run of ez.
        steps, branches = chain(size), branched(size)
        actions: dict[str, Callable[[], object]] = {
            "graph of {:,} steps, from Python": partial(chain, size),
            "marshal {:,} steps": partial(marshal, steps),
            "marshal {:,} steps in branches, for an engine without merges": partial(marshal, branches, capabilities=()),
            _FILE: partial(to_llb, place),
            _SUBMIT: partial(submit, marshal(steps).message),
        }
        measures = {name: partial(timed if name == _SUBMIT else _busy, action) for name, action in actions.items()}
        timings = interleaved(ROUNDS, measures)
        return {_MEMORY: [memory], **{name: timing.seconds for name, timing in timings.items()}}


def chain(length: int) -> State:
    state: State = ImageSource("debian:12")
    for number in range(length):
        state = _step(state, number)
    return state


def branched(steps: int) -> State:
    """Every ten steps five of them are one branch and five another."""
    state: State = ImageSource("debian:12")
    for first in range(0, steps, 10):
        left: State = state
        right: State = state
        for number in range(first, first + 5):
            left, right = _step(left, number), _step(right, number + 5)
        state = Merge((state, Diff(state, left), Diff(state, right, ("/opt/right",))))
    return state


def to_llb(place: Path) -> bytes:
    definition = load(place, "large")
    return bytes(marshal(definition.state, sources=definition.sources).message.SerializeToString())


def submit(definition: Any) -> None:
    """The whole way to an engine that takes the definition and runs nothing: connections, session and request."""

    async def solve(gateway: Gateway) -> str:
        return await gateway.solve(definition, evaluate=False)

    asyncio.run(inquire(Place(ENGINE, dialect(ENGINE)[1]), solve))


def _step(base: State, number: int) -> Run:
    return Run(base, ("sh", "-c", f"echo {number}"), note=Note(f"echo {number}", Position("build.envd", number + 1)))


def _file(place: Path, steps: int) -> Path:
    place.mkdir(exist_ok=True)
    lines = "".join(f'    run(["echo {number}"])\n' for number in range(steps))
    (place / "build.envd").write_text(f"# syntax=v1\n\ndef build():\n    base(dev=True)\n{lines}")
    return place


def _busy(action: Callable[[], object]) -> float:
    """Seconds of processor time, with the process that evaluates Starlark: what pure work takes on a machine that does
    nothing else."""
    started = _spent()
    action()
    return _spent() - started


def _spent() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _peak() -> int:
    """The most memory that this process had so far, in bytes (getrusage(2) counts KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _megabytes(memory: Timing) -> str:
    return f"{memory.median / 1e6:.1f} MB"


if __name__ == "__main__":
    main()
