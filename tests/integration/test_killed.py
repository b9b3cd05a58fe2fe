"""Killed anywhere and run again, the line ends in the same place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.person import Person, Running
from tests.integration.places import Place, commit, write_files

SLOW = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
    run(commands=["echo slow-{name}; sleep 1"])
"""


def at(line: str) -> Callable[[Place, Running, str], None]:
    """Kill when this line was told."""

    def kill(place: Place, running: Running, name: str) -> None:
        running.until(line)
        running.kill()

    return kill


def between_create_and_start(place: Place, running: Running, name: str) -> None:
    """Kill ez and its work on the computer when the container was just made; it is there and does not run."""
    place.root(
        f"timeout 60 sh -c 'until docker container inspect ez-{name} >/dev/null 2>&1; do :; done' || exit 1;"
        "for entry in /proc/[0-9]*; do"
        "  if tr '\\0' ' ' <$entry/cmdline 2>/dev/null | grep -q '^sh -c # Make the environment'; then"
        "    kill -9 ${entry#/proc/}; fi; done;"
        f"docker container stop --time 0 ez-{name}"
    )
    running.kill()
    assert place.container(name)["State"]["Running"] is False


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param((at("-> Connect"), at("-> Prepare"), at("-> Bring"), at("-> Evaluate")), id="before the build"),
        pytest.param((at("| slow-"),), id="build"),
        pytest.param((at("-> Start"),), id="start"),
        pytest.param((between_create_and_start,), id="create"),
        pytest.param((at("-> Publish"),), id="access"),
    ],
)
def test_killed_and_run_again(
    kills: tuple[Callable[[Place, Running, str], None], ...], place: Place, person: Person, folder: Path, name: str
) -> None:
    commit(write_files(folder, {"build.envd": SLOW.format(name=name)}))
    go = ("env", "go", str(folder), "-c", "box", "--no-open")
    for kill in kills:
        kill(place, person.start(*go), name)
        assert set(person.environments()) <= {name}
    person.ez(*go)
    assert list(place.containers(name)) == [f"ez-{name}"]
    assert len(place.images(name)) == 1
    assert person.ssh(f"{name}.ez", f"ls {name}").stdout == "build.envd\n"
    assert person.environments()[name]["status"] == "running"
    assert person.leftovers() == []
    assert place.root(f"find /home/dev/ez -name '*.new*' -path '*{name}*'") == ""
    assert person.ez(*go, "--json").json["changed"] == []
