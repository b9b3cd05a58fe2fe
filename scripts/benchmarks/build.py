"""The build room: a build in which nothing changed, and how long the pure part takes for large definitions."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ez.build.engine import find_image
from ez.build.graph import ImageSource, Run, State
from ez.build.llb.marshal import marshal
from ez.build.load import load
from ez.build.solve import build
from ez.config import resolve
from ez.models import Network
from scripts.benchmarks._measure import Timing, against, headline, interleaved, table, timed
from scripts.benchmarks._person import person, repository
from tests.testbed import Testbed
from tests.testbed.docker import docker

ROUNDS = 11
ENGINE = Path("/var/run/docker.sock")
REFERENCE = "ez/bench-build:latest"
STEPS = 1_000
MANY_STEPS = 10_000
BUDGET = 0.1
"""Seconds for a build.envd of STEPS steps, from the file to LLB."""


def main() -> None:
    Testbed.up()
    with person() as somebody:
        headline(f"the build room, {ROUNDS} rounds")
        network = resolve(environment=somebody.environment).network()
        _print(_no_change(repository(somebody.home / "bench-build"), network))
        _print(_large(somebody.home))


def _no_change(place: Path, network: Network) -> dict[str, Timing]:
    definition = load(place, "bench-build")
    again = partial(build, definition, ENGINE, REFERENCE, network=network)
    again()
    try:
        return _measure(
            {
                "examples/hello, file to definition": lambda: load(place, "bench-build"),
                "is the image there, asked of the engine": lambda: find_image(ENGINE, REFERENCE),
                "no-change build in process": again,
            }
        )
    finally:
        docker("rmi", "--force", REFERENCE, check=False)


def _large(home: Path) -> dict[str, Timing]:
    chains = {count: _chain(count) for count in (STEPS, MANY_STEPS)}
    gc.freeze()  # No more than one definition is at hand in a run of ez.
    small, large = _file(home / "small", STEPS), _file(home / "large", MANY_STEPS)
    return _measure(
        {
            **{f"marshal {count:,} steps": partial(marshal, chain) for count, chain in chains.items()},
            f"build.envd of {STEPS:,} steps, file to definition": partial(load, small, "large"),
            f"build.envd of {STEPS:,} steps, file to LLB": partial(_to_llb, small),
            f"build.envd of {MANY_STEPS:,} steps, file to LLB": partial(_to_llb, large),
        }
    )


def _to_llb(place: Path) -> bytes:
    definition = load(place, "large")
    return bytes(marshal(definition.state, sources=definition.sources).message.SerializeToString())


def _chain(length: int) -> State:
    state: State = ImageSource("debian:12")
    for number in range(length):
        state = Run(state, ("echo", str(number)))
    return state


def _file(place: Path, steps: int) -> Path:
    place.mkdir()
    lines = "".join(f'    run(["echo {number}"])\n' for number in range(steps))
    (place / "build.envd").write_text(f"# syntax=v1\n\ndef build():\n    base(dev=True)\n{lines}")
    return place


def _measure(actions: dict[str, Callable[[], object]]) -> dict[str, Timing]:
    return interleaved(ROUNDS, {name: partial(timed, action) for name, action in actions.items()})


def _print(timings: dict[str, Timing]) -> None:
    wanted = f"build.envd of {STEPS:,} steps, file to LLB"
    rows = [
        (name, str(timing), against(BUDGET, timing.median) if name == wanted else "")
        for name, timing in timings.items()
    ]
    if wanted in timings:
        grown = timings[f"build.envd of {MANY_STEPS:,} steps, file to LLB"].median / timings[wanted].median
        rows.append((f"{MANY_STEPS // STEPS} times the steps", f"{grown:.1f} times as long", "linear"))
    table(rows)


if __name__ == "__main__":
    main()
