"""`ez env go` on this computer beside `envd up`: the same repo and build file, the same engine, taking turns.

Nothing has changed since the last run. `envd up` refuses an environment that runs, so what stands beside a warm
`ez env go` is its `--force`, which replaces the container; in the second part both start a stopped environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.benchmarks._envd import VERSION, Envd, envd
from scripts.benchmarks._measure import (
    Row,
    Timing,
    against,
    duration,
    headline,
    interleaved,
    ratio_against,
    table,
)
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Testbed
from tests.testbed.docker import docker

NAME = "bench-go"
ROUNDS = 11
BUDGET = 1.0
_GO = (EZ, "env", "go", "--compute", "local", "--no-open")
_UP = ("up", "--detach")


def main() -> None:
    testbed = Testbed.up()
    with person() as somebody, _tidy(), envd(somebody, testbed.registry) as peer:
        place = repository(somebody.home / NAME)
        somebody.run(*_GO, directory=place)
        peer(*_UP, directory=place)
        headline(f"warm `ez env go` beside envd {VERSION} (moby worker), {ROUNDS} rounds in turns")
        if peer.stand_ins:
            print(f"stand-ins for images that cannot be had here: {', '.join(peer.stand_ins)}")
        _print("runs, nothing changed", _running(somebody, peer, place), BUDGET)
        print("\nsteps of the last: " + ", ".join(f"{name} {duration(s)}" for name, s in somebody.steps().items()))
        _print("was stopped", _stopped(somebody, peer, place))


def _running(somebody: Person, peer: Envd, place: Path) -> dict[str, Timing]:
    return interleaved(
        ROUNDS,
        {
            "ez env go": lambda: somebody.seconds(*_GO, directory=place),
            "envd up --detach --force": lambda: peer(*_UP, "--force", directory=place),
            "envd build": lambda: peer("build", directory=place),
        },
    )


def _stopped(somebody: Person, peer: Envd, place: Path) -> dict[str, Timing]:
    def ours() -> float:
        docker("stop", "--time", "0", f"ez-{NAME}")
        return somebody.seconds(*_GO, directory=place)

    def theirs() -> float:
        docker("stop", "--time", "0", NAME)
        return peer(*_UP, directory=place)

    return interleaved(ROUNDS, {"ez env go": ours, "envd up --detach": theirs})


def _print(state: str, timings: dict[str, Timing], budget: float | None = None) -> None:
    """The first row is ours, to be within `budget` seconds, and the second theirs."""
    rows: list[Row] = [(name, str(timing), "") for name, timing in timings.items()]
    ours, theirs = list(timings.values())[:2]
    if budget is not None:
        rows[0] = (rows[0][0], str(ours), against(budget, ours.median))
    ratio = ours.median / theirs.median
    rows.append(("ez env go / envd up", f"{ratio:.2f}", ratio_against(1.0, ratio)))
    table(rows, (state, "median (least - most)", "budget"))


@contextmanager
def _tidy() -> Iterator[None]:
    """Remove both environments, also those of a benchmark that was cut off."""
    try:
        _remove()
        yield
    finally:
        _remove()


def _remove() -> None:
    docker("rm", "--force", "--volumes", NAME, f"ez-{NAME}", check=False)
    images = docker("images", "--quiet", "--filter", f"reference=ez/{NAME}", "--filter", f"reference={NAME}:dev").stdout
    if names := images.split():
        docker("rmi", "--force", *names, check=False)


if __name__ == "__main__":
    main()
