"""`ez build` beside `envd build`: one build file, one engine, taking turns; and how many operations each asks for.

Operations are those of the graph that goes to BuildKit, as `ez build --print llb` and `envd debug llb` write it, each
counted once. envd needs its own images for that; those that cannot be had are replaced, see `_envd`.
"""

from __future__ import annotations

import json
from pathlib import Path

from ez.build.buildkit.messages import llb
from scripts.benchmarks._envd import VERSION, Envd, envd
from scripts.benchmarks._measure import Row, headline, interleaved, ratio_against, table
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Testbed
from tests.testbed.docker import docker

NAME = "bench-envd"
ROUNDS = 7
_BUILD = (EZ, "build", "--plain", "--quiet", "--tag", "ez-bench/envd")


def main() -> None:
    testbed = Testbed.up()
    with person() as somebody, envd(somebody, testbed.registry) as peer:
        place = repository(somebody.home / NAME)
        headline(f"`ez build` beside `envd build` of envd {VERSION}, examples/hello, {ROUNDS} rounds in turns")
        if peer.stand_ins:
            print(f"stand-ins for images that cannot be had here: {', '.join(peer.stand_ins)}")
        try:
            table([*_operations(somebody, peer, place), *_no_change(somebody, peer, place)])
        finally:
            docker("rmi", "--force", "ez-bench/envd", f"{NAME}:dev", check=False)


def _operations(somebody: Person, peer: Envd, place: Path) -> list[Row]:
    """`ez build` without `--plain` makes an image that can be entered, as envd's is."""
    written = place.parent / "graph.llb"
    somebody.run(EZ, "build", "--print", "llb", "--file", str(written), directory=place)
    ours = len(getattr(llb.Definition.FromString(written.read_bytes()), "def")) - 1
    theirs = len(_documents(peer.person.run(peer.command, "debug", "llb", directory=place)))
    return [
        ("operations: ez", str(ours), ""),
        ("operations: envd", str(theirs), ""),
        ("operations: ez / envd", f"{ours / theirs:.2f}", ""),
    ]


def _documents(text: str) -> list[object]:
    """JSON documents one after another; the last operation, which only names the result, does not count."""
    decoder, found, start = json.JSONDecoder(), [], 0
    while (start := text.find("{", start)) >= 0:
        document, start = decoder.raw_decode(text, start)
        found.append(document)
    return found[:-1]


def _no_change(somebody: Person, peer: Envd, place: Path) -> list[Row]:
    somebody.run(*_BUILD, directory=place)
    peer("build", directory=place)
    found = interleaved(
        ROUNDS,
        {
            "nothing changed: ez build": lambda: somebody.seconds(*_BUILD, directory=place),
            "nothing changed: envd build": lambda: peer("build", directory=place),
        },
    )
    ours, theirs = (timing.median for timing in found.values())
    rows: list[Row] = [(name, str(timing), "") for name, timing in found.items()]
    return [*rows, ("nothing changed: ez / envd", f"{ours / theirs:.2f}", ratio_against(1.0, ours / theirs))]


if __name__ == "__main__":
    main()
