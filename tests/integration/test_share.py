"""A team's registry: what one computer built, another one finds, or builds without running a step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.build.buildkit.fronted import fronted
from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, lent, write_files
from tests.testbed import Testbed, TestComputer
from tests.testbed.shell import wait_until


@pytest.fixture
def team(testbed: Testbed) -> str:
    """A name in the testbed's registry that nobody has used."""
    return f"{testbed.registry.address}/ez-test/{uuid.uuid4().hex}"


@pytest.fixture
def second(computers: Callable[..., TestComputer], person: Person) -> Iterator[Place]:
    """A computer whose engine has never built anything."""
    with lent(computers("ready"), person, "second") as place:
        yield place


def given(person: Person) -> bool:
    """Whether nothing waits to be given to the team."""
    return not list((person.home / ".local" / "state" / "ez" / "share").glob("*.json"))


def test_a_second_computer_runs_no_step(
    place: Place, second: Place, person: Person, folder: Path, name: str, team: str
) -> None:
    person.ez("config", "set", "cache.registry", team)
    write_files(folder, {"build.envd": f"{PLAIN}    run(commands=['echo {name} > /tmp/{name}'])\n"})
    first = person.ez("env", "go", str(folder), "-c", place.name, "--no-open", "--json").json
    assert first["executed"] > 0
    wait_until(lambda: given(person), "the build is given to the team", timeout=120)

    found = person.ez("env", "go", str(folder), "-c", second.name, "--no-open", "--json")
    assert "found in the team's registry" in found.stderr
    assert (found.json["executed"], found.json["digest"]) == (0, first["digest"])
    assert found.json["pulled"] > 0
    assert "build" not in found.json["changed"]
    assert person.ssh(f"{name}.second.ez", f"cat /tmp/{name}").stdout == f"{name}\n"

    with (folder / "build.envd").open("a") as file:
        file.write("    runtime.expose(envd_port=8123, service='added')\n")
    built = person.ez("env", "go", str(folder), "-c", second.name, "--no-open", "--json", "--yes").json
    assert (built["executed"], built["digest"] != first["digest"]) == (0, True)
    assert built["cached"] > 0
    assert "build" in built["changed"]


def test_a_registry_that_fails_never_fails_the_environment(
    local: Place, person: Person, folder: Path, testbed: Testbed
) -> None:
    """Reading is refused: it is left out. Writing fails, later and elsewhere: the next run says so, once."""
    arguments = ("env", "go", str(folder), "-c", "local", "--no-open")
    with fronted(testbed.registry.host_address) as door:
        person.ez("config", "set", "cache.registry", f"{door.address}/ez-test/{uuid.uuid4().hex}")
        door.user = "somebody"
        assert "is left out of this run" in person.ez(*arguments).stderr
        door.user, door.writable = "", False
        with (folder / "build.envd").open("a") as file:
            file.write("    runtime.environ(env={'NEW': '1'})\n")
        person.ez(*arguments, "--yes")
        waiting = person.home / ".local" / "state" / "ez" / "share"
        wait_until(
            lambda: any('"failed": "the image' in path.read_text() for path in waiting.glob("*.json")), "it failed"
        )
        assert "was not given to the team's registry" in person.ez(*arguments).stderr
        assert "was not given" not in person.ez(*arguments).stderr
