"""Several at work on one environment at the same time."""

from __future__ import annotations

from pathlib import Path

from tests.integration.person import Person, checked
from tests.integration.places import Place, lent


def test_one_environment_three_times_at_once_by_two_people(
    place: Place, person: Person, repo: str, name: str, tmp_path: Path
) -> None:
    computer = place.computer
    assert computer is not None
    home = tmp_path / "other"
    home.mkdir()
    other = Person(home, person.variables)
    other.knows(person.known_hosts.read_text())
    with lent(computer, other, "box"):
        arguments = ("env", "go", repo, "-c", "box", "--no-open")
        runs = [person.start(*arguments), person.start(*arguments), other.start(*arguments)]
        ended = [checked(run.wait(), 0) for run in runs]
        assert sum("waiting for it to finish" in done.stderr for done in ended) == 1
        assert list(place.containers(name)) == [f"ez-{name}"]
        for someone in (person, other):
            assert someone.ssh(f"{name}.ez", f"ls {name}").stdout == "build.envd\n"
