"""`ez env cp` beside `scp` and `rsync` over the same kept connection: many files, and a big one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from scripts.benchmarks._measure import Row, duration, headline, interleaved, table
from scripts.benchmarks._person import EZ, Person, person
from tests.testbed import Testbed

NAME = "bench-copy"
ROUNDS = 3
FILES = 3000
FILE_BYTES = 2000
BIG_BYTES = 100_000_000
BUILD = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
    install.apt_packages(name=["rsync"])
"""


def main() -> None:
    testbed = Testbed.up()
    with testbed.lend("ready") as computer, testbed.agent(client_key=True) as agent, person(**agent.environment) as one:
        known = one.home / ".ssh/known_hosts"
        known.write_text(computer.known_hosts.read_text())
        one.ssh_config.write_text(f"UserKnownHostsFile {known}\n")
        one.run(EZ, "compute", "add", "box", f"{computer.user}@{computer.host}:{computer.port}")
        with _environment(one):
            _measure(one)


@contextmanager
def _environment(one: Person) -> Iterator[None]:
    tree = one.home / NAME
    tree.mkdir()
    (tree / "build.envd").write_text(BUILD)
    one.run("git", "init", "--quiet", directory=tree)
    one.run("git", "add", "--all", directory=tree)
    author = ("-c", "user.name=Bench", "-c", "user.email=bench@example.com")
    one.run("git", *author, "commit", "--quiet", "--message", "First", directory=tree)
    one.run(EZ, "env", "go", str(tree), "-c", "box", "--name", NAME, "--no-open", "--yes")
    try:
        yield
    finally:
        one.run(EZ, "env", "delete", NAME, "--work-tree", "--force", "--yes")


def _measure(one: Person) -> None:
    many, big = one.home / "many", one.home / "big"
    many.mkdir()
    for number in range(FILES):
        (many / f"{number}.bin").write_bytes(os.urandom(FILE_BYTES))
    big.write_bytes(os.urandom(BIG_BYTES))
    headline(f"copies into an environment of a `ready` computer, {ROUNDS} rounds")
    rows: list[Row] = []
    for title, path in ((f"{FILES} files of {FILE_BYTES} bytes", many), (f"{BIG_BYTES // 1_000_000} MB", big)):
        ssh, there = ("-F", str(one.ssh_config)), f"{NAME}.ez:{NAME}/target/"
        peers = {
            "ez env cp": (EZ, "env", "cp", str(path), f"{NAME}:target/"),
            "scp -r": ("scp", "-q", "-r", *ssh, str(path), there),
            "rsync -a": ("rsync", "-a", "-e", " ".join(("ssh", *ssh)), str(path), there),
        }
        taken = interleaved(ROUNDS, {name: partial(_into, one, *command) for name, command in peers.items()})
        rows += [(f"{title}: {name}", str(timing), "") for name, timing in taken.items()]
    again = one.seconds(EZ, "env", "cp", str(big), f"{NAME}:target/")
    rows.append(("nothing changed: ez env cp", duration(again), ""))
    rows.append(("out of it: ez env cp, many", duration(_out(one, "many")), ""))
    rows.append(("out of it: ez env cp, big", duration(_out(one, "big")), ""))
    table(rows)


def _into(one: Person, *command: str) -> float:
    """Each time to an empty place."""
    one.run("ssh", "-F", str(one.ssh_config), f"{NAME}.ez", f"rm -rf {NAME}/target && mkdir {NAME}/target")
    return one.seconds(*command)


def _out(one: Person, name: str) -> float:
    one.run(EZ, "env", "cp", str(one.home / name), f"{NAME}:target/")
    shutil.rmtree(one.home / "back", ignore_errors=True)
    (one.home / "back").mkdir()
    return one.seconds(EZ, "env", "cp", f"{NAME}:target/{name}", "back/")


if __name__ == "__main__":
    main()
