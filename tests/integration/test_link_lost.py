"""The connection to the computer drops in the middle of work, with a word or without one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.person import Done, Person
from tests.integration.places import Place, write_files
from tests.testbed import GitServer, Relay

SLOW = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
    run(commands=["echo slow-{name}; sleep 1"])
"""
STEPS = {"clone": "-> Bring", "build": "| slow-", "start": "-> Start"}
"""What is told when the step has begun; the first and the last take a round trip from there on, which is too slow."""

LATENCY = 0.1
PATIENCE = 30.0
"""Seconds after which a silent link has to be given up."""


@pytest.fixture
def links(place: Place, person: Person) -> Iterator[dict[str, Relay]]:
    """Ways to the shared computer, one for each step, as computers `to-STEP`."""
    computer = place.computer
    assert computer is not None
    with ExitStack() as stack:
        relays = {}
        for step in STEPS:
            relay = stack.enter_context(Relay((computer.host, computer.port)))
            person.knows(f"[{relay.host}]:{relay.port} {computer.host_key}")
            person.ez("compute", "add", f"to-{step}", f"{computer.user}@{relay.address}")
            relay.latency = LATENCY
            relays[step] = relay
        yield relays


@pytest.fixture
def repos(git_server: GitServer, home: Path, name: str) -> Iterator[dict[str, str]]:
    """Addresses of a repo for each step."""
    names = {step: f"{name}-{step}" for step in STEPS}
    yield {
        step: git_server.create(name, write_files(home / name, {"build.envd": SLOW.format(name=name)}))
        for step, name in names.items()
    }
    for repo in names.values():
        git_server.remove(repo)


@pytest.mark.parametrize("happens", [Relay.cut, Relay.hang])
def test_the_link_drops_and_the_next_run_goes_on(
    happens: Callable[[Relay], None],
    links: dict[str, Relay],
    repos: dict[str, str],
    place: Place,
    person: Person,
    name: str,
) -> None:
    def go(step: str) -> tuple[str, ...]:
        return ("env", "go", repos[step], "-c", f"to-{step}", "--no-open")

    def interrupted(step: str) -> tuple[Done, float]:
        running = person.start(*go(step))
        running.until(STEPS[step])
        happens(links[step])
        since = time.monotonic()
        return running.wait(), time.monotonic() - since

    with ThreadPoolExecutor(len(STEPS)) as pool:
        ended = dict(zip(STEPS, pool.map(interrupted, STEPS), strict=True))
    for step, (done, seconds) in ended.items():
        assert done.code == 1, done.stderr
        assert f"to-{step}" in done.told, done.stderr
        assert "hint: run the same command again" in done.told, done.stderr
        assert "Traceback" not in done.stderr
        assert seconds < PATIENCE, f"{step}: {seconds}"
        links[step].restore()
    with ThreadPoolExecutor(len(STEPS)) as pool:
        list(pool.map(lambda step: person.ez(*go(step)), STEPS))
    for step in STEPS:
        assert len(place.containers(f"{name}-{step}")) == 1
        assert person.ssh(f"{name}-{step}.ez", "true").code == 0
