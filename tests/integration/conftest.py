"""People, and what they work on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, cleaned, commit, lent, write_files
from tests.testbed import Agent, GitServer, TestComputer


@pytest.fixture
def person(home: Path, agent: Agent, git_server: GitServer) -> Person:
    """Has an agent with the keys for the Git server and the computers, and knows the Git server's host key."""
    person = Person(home, agent.environment)
    person.knows(git_server.known_hosts)
    return person


@pytest.fixture
def name() -> str:
    """A name that no other test uses, for an environment or a repo."""
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def folder(home: Path, name: str) -> Path:
    """A repo of this computer whose build file says little."""
    return commit(write_files(home / "work" / name, {"build.envd": PLAIN}))


@pytest.fixture
def repo(folder: Path, name: str, git_server: GitServer) -> Iterator[str]:
    """The same as a repo on the Git server; its address."""
    yield git_server.create(name, folder)
    git_server.remove(name)


@pytest.fixture
def place(ready: TestComputer, person: Person) -> Iterator[Place]:
    """The shared computer with an engine, as `box`; environments made there are removed after the test."""
    with lent(ready, person, "box") as place:
        yield place


@pytest.fixture
def local(engine: Path) -> Iterator[Place]:
    """This computer; environments made by the test are removed after the test."""
    with cleaned(Place("local", None)) as place:
        yield place
