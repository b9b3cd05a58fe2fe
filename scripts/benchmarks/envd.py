"""ez beside envd: one build file, one engine, taking turns. What each asks for, how long it takes, what comes out.

Operations are those of the graph that goes to BuildKit, as `ez build --print llb` and `envd debug llb` write it, each
counted once. envd needs its own images for that; those that cannot be had are replaced, see `_envd`. A cold build is
one on a base image of its own, so that no earlier step fits; the caches of packages stay as the round before left them.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ez.build.buildkit.messages import llb
from scripts.benchmarks._envd import VERSION, Envd, envd
from scripts.benchmarks._measure import Row, Timing, headline, interleaved, ratio_against, table, timed
from scripts.benchmarks._person import EZ, Person, person, repository
from tests.testbed import Registry, Testbed
from tests.testbed.archive import Entry, pack
from tests.testbed.docker import docker

NAME = "bench-envd"
IMAGE = "ez-bench/envd"
ROUNDS = 7
LONG_ROUNDS = 3
RUNS = 20
BASE = "ubuntu:22.04"
BUILD_ENVD = """# syntax=v1

def build():
    base(image="{base}", dev=True)
    install.apt_packages(name=["make", "jq"])
    install.python(version="3.11")
    install.python_packages(name=["numpy", "requests"])
    runtime.environ(env={{"LEVEL": "info", "REGION": "eu", "SEED": "7", "STAGE": "dev"}})
    run(commands=["mkdir -p $HOME/out", "echo $SEED > $HOME/out/seed"])
"""


def main() -> None:
    testbed = Testbed.up()
    with person() as somebody, envd(somebody, testbed.registry) as peer:
        place = repository(somebody.home / NAME)
        (place / "build.envd").write_text(BUILD_ENVD.format(base=BASE))
        headline(f"ez beside envd {VERSION}, one build file of six calls, {ROUNDS} rounds in turns")
        if peer.stand_ins:
            print(f"stand-ins for images that cannot be had here: {', '.join(peer.stand_ins)}")
        sides = Sides(somebody, peer, place)
        try:
            table([*sides.operations(), *sides.graph(), *sides.no_change(), *sides.sizes()])
            table([*sides.digests(), *sides.cold(testbed.registry)])
        finally:
            docker("rmi", "--force", IMAGE, f"{NAME}:dev", check=False)


class Sides:
    """Both tools in one directory."""

    def __init__(self, somebody: Person, peer: Envd, place: Path) -> None:
        self._person = somebody
        self._peer = peer
        self._place = place
        self._written = place.parent / "graph.llb"

    def operations(self) -> list[Row]:
        """`ez build` without `--plain` makes an image that can be entered, as envd's is."""
        self._print_graph()
        ours = len(getattr(llb.Definition.FromString(self._written.read_bytes()), "def")) - 1
        theirs = len(_documents(self._debug()))
        return [*_pair("operations", str(ours), str(theirs)), ("operations: ez / envd", f"{ours / theirs:.2f}", "")]

    def graph(self) -> list[Row]:
        """Whole processes; envd also reads the base image's configuration, from a registry on this machine."""
        return self._turns("file to graph", ROUNDS, self._print_graph, self._debug)

    def no_change(self) -> list[Row]:
        """Of envd a whole build, wherever the variables of this run have another order than those of the last."""
        self._build()
        self._build_theirs()
        return self._turns("nothing changed", LONG_ROUNDS, self._build, self._build_theirs)

    def sizes(self) -> list[Row]:
        base = _size(BASE)
        return _pair(
            "image beyond its base", *(f"{(_size(one) - base) / 1e6:.0f} MB" for one in (IMAGE, f"{NAME}:dev"))
        )

    def digests(self) -> list[Row]:
        ours, theirs = set(), set()
        for _ in range(RUNS):
            self._print_graph()
            ours.add(hashlib.sha256(self._written.read_bytes()).hexdigest())
            theirs.add(hashlib.sha256(self._debug().encode()).hexdigest())
        return _pair(f"different graphs in {RUNS} runs", str(len(ours)), str(len(theirs)))

    def cold(self, registry: Registry) -> list[Row]:
        """The first of each fills the caches of packages and does not count."""
        bases: list[str] = []

        def seconds(build: Callable[[], object]) -> float:
            bases.append(_new_base(registry))
            (self._place / "build.envd").write_text(BUILD_ENVD.format(base=bases[-1]))
            return timed(build)

        actions = {"ez": partial(seconds, self._build), "envd": partial(seconds, self._build_theirs)}
        try:
            for action in actions.values():
                action()
            return _rows("cold", interleaved(LONG_ROUNDS, actions))
        finally:
            docker("rmi", "--force", IMAGE, f"{NAME}:dev", *bases, check=False)

    def _turns(self, what: str, rounds: int, ours: Callable[[], object], theirs: Callable[[], object]) -> list[Row]:
        actions = {"ez": partial(timed, ours), "envd": partial(timed, theirs)}
        return _rows(what, interleaved(rounds, actions))

    def _build(self) -> None:
        self._person.run(EZ, "build", "--quiet", "--tag", IMAGE, directory=self._place)

    def _build_theirs(self) -> None:
        self._peer("build", directory=self._place)

    def _print_graph(self) -> None:
        self._person.run(EZ, "build", "--print", "llb", "--file", str(self._written), directory=self._place)

    def _debug(self) -> str:
        return self._peer.person.run(self._peer.command, "debug", "llb", directory=self._place)


def _pair(what: str, ours: str, theirs: str) -> list[Row]:
    return [(f"{what}: ez", ours, ""), (f"{what}: envd", theirs, "")]


def _rows(what: str, found: Mapping[str, Timing]) -> list[Row]:
    ratio = found["ez"].median / found["envd"].median
    rows: list[Row] = [(f"{what}: {name}", str(timing), "") for name, timing in found.items()]
    return [*rows, (f"{what}: ez / envd", f"{ratio:.2f}", ratio_against(1.0, ratio))]


def _new_base(registry: Registry) -> str:
    """A base image like the others, with one file more that no other has, in the engine and in `registry`."""
    name = f"ubuntu:bench-{uuid.uuid4().hex[:12]}"
    dockerfile = f"FROM {BASE}\nCOPY new /etc/ez-bench\n".encode()
    docker(
        "build",
        "--quiet",
        "--tag",
        name,
        "-",
        stdin=pack([Entry("Dockerfile", dockerfile), Entry("new", name.encode())]),
    )
    pushed = f"{registry.host_address}/library/{name}"
    docker("tag", name, pushed)
    docker("push", "--quiet", pushed)
    docker("rmi", pushed)
    return name


def _size(image: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout)


def _documents(text: str) -> list[object]:
    """JSON documents one after another; the last operation, which only names the result, does not count."""
    decoder, found, start = json.JSONDecoder(), [], 0
    while (start := text.find("{", start)) >= 0:
        document, start = decoder.raw_decode(text, start)
        found.append(document)
    return found[:-1]


if __name__ == "__main__":
    main()
