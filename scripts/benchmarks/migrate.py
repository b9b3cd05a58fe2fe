"""`ez env up` of a repo with 10,000 files of which 50 changed, beside `rsync -a --delete` of the same tree; then of a
file of 1 GB that Git does not know, there and back.

Both go through a relay that counts bytes, to one computer, in turns. rsync brings the bytes of the work tree and of
`.git`, and neither notices what was changed on both sides.
"""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks._measure import Row, Timing, headline, ratio_against, table, timed
from scripts.benchmarks._person import EZ, Person, person
from tests.testbed import Relay, Testbed

FILES, CHANGED, ROUNDS = 10_000, 50, 5
GIGABYTE = 1 << 30
LATENCY = 0.01
"""Seconds one way."""

TIME_BUDGET, BYTES_BUDGET = 4.0, 1.0
"""Of what rsync takes."""


@dataclass(frozen=True)
class World:
    somebody: Person
    relay: Relay
    directory: Path
    login: str

    def change(self, seed: int) -> None:
        chosen = random.Random(seed)
        for number in chosen.sample(range(FILES), CHANGED):
            (self.directory / _name(number)).write_text(_text(chosen))

    def up(self, *more: str) -> tuple[float, int]:
        command = (EZ, "env", "up", "-c", "box", "--no-start", "--quiet", *more)
        return self._counted(lambda: self.somebody.run(*command, directory=self.directory))

    def rsync(self) -> tuple[float, int]:
        shell = f"ssh -F {shlex.quote(str(self.somebody.ssh_config))} -p {self.relay.port}"
        command = ("rsync", "-a", "--delete", "-e", shell, f"{self.directory}/", f"{self.login}:copy/")
        return self._counted(lambda: self.somebody.run(*command))

    def home(self, directory: Path) -> tuple[float, int]:
        command = (EZ, "env", "home", "bench-migrate", "-c", "box", "--to", str(directory), "--quiet")
        return self._counted(lambda: self.somebody.run(*command))

    def _counted(self, action: Callable[[], object]) -> tuple[float, int]:
        self.relay.reset_counters()
        seconds = timed(action)
        return seconds, self.relay.bytes_to_client + self.relay.bytes_to_server


def main() -> None:
    with _world() as world:
        headline(f"{FILES:,} files, {CHANGED} changed, {LATENCY * 2000:.0f} ms away, {ROUNDS} rounds")
        ways = {"ez env up": world.up, "rsync -a": world.rsync}
        first = {name: way() for name, way in ways.items()}
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
        for number in range(ROUNDS):
            world.change(number)
            for name, way in ways.items():
                found[name].append(way())
        again = {name: way() for name, way in ways.items()}
        rows: list[Row] = [(f"{name}, all", _said(*each), "") for name, each in first.items()]
        medians = {}
        for name, rounds in found.items():
            time, size = Timing(tuple(each[0] for each in rounds)), Timing(tuple(float(each[1]) for each in rounds))
            medians[name] = (time.median, size.median)
            rows.append((f"{name}, {CHANGED} changed", f"{time}, {size.median / 1000:,.0f} kB", ""))
        rows += [(f"{name}, nothing changed", _said(*each), "") for name, each in again.items()]
        ours, theirs = medians["ez env up"], medians["rsync -a"]
        for what, place, budget in (("time", 0, TIME_BUDGET), ("bytes", 1, BYTES_BUDGET)):
            ratio = ours[place] / theirs[place]
            rows.append((f"{what}, of rsync's", f"{ratio:.2f}", ratio_against(budget, ratio)))
        table(rows)
        _gigabyte(world, ways)


def _gigabyte(world: World, ways: Mapping[str, Callable[[], tuple[float, int]]]) -> None:
    """A file that cannot be compressed goes there and comes back into a directory of its own. Ends the benchmark where
    what came back is anything else."""
    with (world.directory / "large.bin").open("wb") as file:
        for number in range(GIGABYTE // (1 << 20)):
            file.write(random.Random(number).randbytes(1 << 20))
    headline("a file of 1 GB that Git does not know, which cannot be compressed")
    rows: list[Row] = [(f"{name}, new", _said(*way()), "") for name, way in ways.items()]
    rows += [(f"{name}, again", _said(*way()), "") for name, way in ways.items()]
    back = world.somebody.home / "back"
    rows.append(("ez env home, into a new directory", _said(*world.home(back)), ""))
    equal = _described(world, back) == _described(world, world.directory)
    rows.append(("files, index and references came back", "equal" if equal else "NOT EQUAL", ""))
    table(rows)
    if not equal:
        raise SystemExit("error: what came home is not what went")


def _described(world: World, directory: Path) -> tuple[str, ...]:
    """Files, index and references, by what is in them."""
    commands = (
        ("sh", "-c", "find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"),
        ("git", "ls-files", "--stage"),
        ("git", "status", "--porcelain"),
        ("git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"),
    )
    return tuple(world.somebody.run(*command, directory=directory) for command in commands)


@contextmanager
def _world() -> Iterator[World]:
    testbed = Testbed.up()
    with (
        testbed.lend("ready") as computer,
        testbed.agent(client_key=True) as agent,
        person(**agent.environment) as somebody,
        Relay((computer.host, computer.port), latency=LATENCY) as relay,
    ):
        computer.exec("command -v rsync >/dev/null || (apt-get update -q && apt-get install -y -q rsync)")
        known_hosts = somebody.home / ".ssh/known_hosts"
        known_hosts.write_text(f"[{relay.host}]:{relay.port} {computer.host_key}\n")
        somebody.ssh_config.write_text(f"UserKnownHostsFile {known_hosts}\n")
        login = f"{computer.user}@{relay.host}"
        somebody.run(EZ, "compute", "add", "box", f"{login}:{relay.port}")
        directory = somebody.home / "bench-migrate"
        _make(somebody, directory)
        yield World(somebody, relay, directory, login)


def _make(somebody: Person, directory: Path) -> None:
    chosen = random.Random("repo")
    for number in range(FILES):
        file = directory / _name(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_text(chosen))
    author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    commit = (*author, "-c", "gc.auto=0", "commit", "-q", "-m", "all")
    for arguments in (("init", "-q"), ("add", "-A"), commit, ("gc", "-q")):
        somebody.run("git", *arguments, directory=directory)


def _name(number: int) -> str:
    return f"part{number // 500}/folder{number // 50}/file{number}.py"


def _text(chosen: random.Random) -> str:
    return "".join(f"value_{chosen.randrange(10**6)} = {json.dumps(chosen.random())}\n" for _ in range(40))


def _said(seconds: float, size: int) -> str:
    return f"{Timing((seconds,))}, {size / 1000:,.0f} kB"


if __name__ == "__main__":
    main()
