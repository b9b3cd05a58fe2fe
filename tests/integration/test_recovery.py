"""The index and the aliases are lost; the environments, which are the truth, are found again."""

from __future__ import annotations

from tests.integration.person import Person
from tests.integration.places import Place


def test_a_lost_index_is_read_back_from_the_computers(place: Place, person: Person, repo: str, name: str) -> None:
    computer = place.computer
    assert computer is not None
    go = ("env", "go", repo, "-c", "box", "--no-open", "--env", "KEPT=yes")
    person.ez(*go)
    container = place.containers(name)
    person.database.write_bytes(b"not a database")
    assert "ez config reset --state" in person.ez("env", "ls", code=1).told
    person.ez("config", "reset", "--state", "--yes")
    person.ez("compute", "add", "box", f"{computer.user}@{computer.host}:{computer.port}")
    person.ez("env", "ls", "--refresh", "-c", "box")
    found = person.environments()[name]
    assert (found["computer"], found["repo_url"], found["status"]) == ("box", repo, "running")
    assert person.ssh(found["alias"], "printenv KEPT").stdout == "yes\n"
    assert person.ez("env", "exec", name, "--", "pwd").stdout == f"/home/envd/{name}\n"

    person.ez("config", "reset", "--yes")
    person.ssh(f"{name}.ez", "true", code=255)
    again = person.ez(*go[:-2], "--json").json
    assert again["changed"] == []
    assert person.ssh(f"{name}.ez", "printenv KEPT").stdout == "yes\n"
    assert place.containers(name) == container

    place.root(f"docker container rm --force ez-{name}")
    person.ez("env", "ls", "--refresh", "-c", "box")
    assert person.environments()[name]["status"] == "missing"
    assert "no container" in person.ez("env", "start", name, code=1).told
    person.ez("env", "delete", name, "--yes", "--work-tree")
    assert name not in person.environments()
