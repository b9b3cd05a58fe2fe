"""`--dry-run` says what would be done, and does nothing, neither here nor there."""

from __future__ import annotations

from pathlib import Path

from tests.integration.person import Person
from tests.integration.places import Place

EVERYTHING = (
    "find /home/dev -not -path '*/.ssh*' -printf '%p %s %T@\\n' | sort; docker container ls --all --quiet --no-trunc;"
    "docker image ls --quiet --no-trunc"
)


def mine(person: Person) -> set[Path]:
    """This person's files, without the logs of runs and the index's own."""
    return {path for path in person.home.rglob("*") if "state" not in path.parts and path.is_file()}


def test_a_dry_run_changes_nothing(
    place: Place, local: Place, person: Person, repo: str, folder: Path, name: str
) -> None:
    there, here = place.root(EVERYTHING), mine(person)
    for what, where in ((repo, "box"), (str(folder), "box"), (str(folder), "local")):
        planned = person.ez("env", "go", what, "-c", where, "--dry-run", "--json").json
        assert [action["step"] for action in planned["actions"]] == ["connect", "prepare", "source", "build", "start"]
        assert planned["environment"] == name
        assert "start" in person.ez("env", "go", what, "-c", where, "--dry-run").stdout
    assert place.root(EVERYTHING) == there
    assert mine(person) == here
    assert local.containers(name) == {}
    assert person.environments() == {}
    assert person.ez("compute", "prepare", "box", "--dry-run", "--json").json["changed"] == []
