"""Names and values as hostile as they come, on machines: taken as they are, and never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, commit, write_files
from tests.testbed import GitServer
from tests.testbed.shell import run

CANARY = "ez-canary"
COMMANDS = f"$(touch {CANARY})`touch {CANARY}`;touch {CANARY};"
"""For names that may hold no slash: whoever runs it leaves a file where they are."""


@pytest.fixture(autouse=True)
def _nothing_was_run(place: Place, person: Person) -> Iterator[None]:
    """Neither here, nor on the computer, nor in the environment, whose home is the container's."""
    yield
    assert list(person.home.rglob(CANARY)) == []
    assert not Path(CANARY).exists()
    assert place.root(f"find / -xdev -name {CANARY} -not -path '/proc/*'") == ""


def test_a_directory_and_a_build_file_with_such_names(
    place: Place, local: Place, person: Person, home: Path, name: str
) -> None:
    folder = home / f"-o {COMMANDS} 'single' \"double\" \\ é"
    file = f"-b {COMMANDS} 'x' \"y\" é.envd"
    commit(write_files(folder, {file: PLAIN + "    shell('bash')\n", "ünï codé": "text\n"}))
    for where in ("box", "local"):
        person.ez("env", "go", ".", "-c", where, "--name", name, "--from", f"{file}:build", "--no-open", cwd=folder)
        assert person.ssh(f"{name}.{where}.ez", f"cd {name} && cat 'ünï codé'").stdout == "text\n"
    assert person.environments()[name]["entry"] == f"{file}:build"


def test_a_repo_and_a_branch_with_such_names(
    place: Place, person: Person, folder: Path, name: str, git_server: GitServer
) -> None:
    branch = f"feature/$(touch${{IFS}}{CANARY})`touch${{IFS}}{CANARY}`;'x'\"y\"&|<>é"
    run("git", "-C", str(folder), "switch", "-q", "-c", branch)
    commit(write_files(folder, {"on-branch": "yes\n"}))
    repo = f"-{name} {COMMANDS} 'x' \"y\" é"
    url = git_server.create(repo, folder)
    try:
        go = ("env", "go", url, "--ref", branch, "--name", name, "-c", "box", "--no-open")
        person.ez(*go)
        assert person.ssh(f"{name}.ez", f"cat {name}/on-branch").stdout == "yes\n"
        assert person.ez(*go, "--json").json["changed"] == []
        assert person.environments()[name]["ref"] == branch
    finally:
        git_server.remove(repo)
