"""The build room: a build in which nothing changed. Large definitions are in `graph.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ez.build.engine import Address, find_image
from ez.build.load import load
from ez.build.solve import build
from ez.config import resolve
from ez.models import Network
from scripts.benchmarks._measure import Timing, headline, interleaved, table, timed
from scripts.benchmarks._person import person, repository
from tests.testbed import Testbed
from tests.testbed.docker import docker

ROUNDS = 11
ENGINE = Address.unix("/var/run/docker.sock")
REFERENCE = "ez/bench-build:latest"


def main() -> None:
    Testbed.up()
    with person() as somebody:
        headline(f"the build room, {ROUNDS} rounds")
        network = resolve(environment=somebody.environment).network()
        _print(_no_change(repository(somebody.home / "bench-build"), network))


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


def _measure(actions: dict[str, Callable[[], object]]) -> dict[str, Timing]:
    return interleaved(ROUNDS, {name: partial(timed, action) for name, action in actions.items()})


def _print(timings: dict[str, Timing]) -> None:
    table([(name, str(timing), "") for name, timing in timings.items()])


if __name__ == "__main__":
    main()
