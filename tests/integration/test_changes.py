"""What a changed definition, other flags and a broken build do to an environment that is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, write_files

BROKEN = """
    shell("bash")
    run(commands=["echo first words; echo last words >&2; exit 3"])
"""


def test_a_changed_definition_replaces_the_container_and_keeps_the_work(
    place: Place, person: Person, folder: Path, name: str
) -> None:
    go = ("env", "go", str(folder), "-c", "box", "--no-open", "--json")
    first = person.ez(*go).json
    container, image = place.containers(name), place.images(name)
    assert image == {first["image"]}
    person.ssh(f"{name}.ez", f"echo mine > {name}/notes")

    write_files(folder, {"build.envd": PLAIN + '    runtime.environ(env={"EDITION": "2nd"})\n'})
    with subprocess.Popen(
        ["ssh", *person.ssh_options, f"{name}.ez", "echo in; sleep 300"],
        env=person.environment,
        stdout=subprocess.PIPE,
    ) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"in\n"
        refused = person.ez(*go, code=2)
        assert "1 open SSH session" in refused.told
        assert "hint: add --yes" in refused.told
        assert place.containers(name) == container
        second = person.ez(*go, "--yes").json
        session.wait(timeout=30)

    assert second["changed"] == ["build", "start"]
    assert place.containers(name) != container
    assert place.images(name) == {second["image"]} != image
    assert person.ssh(f"{name}.ez", f"cat {name}/notes; echo $EDITION").stdout == "mine\n2nd\n"

    rebuilt = person.ez(*go, "--rebuild").json
    assert rebuilt["changed"] == ["build", "start"]
    assert rebuilt["digest"] == second["digest"]
    assert place.images(name) == {second["image"]}
    assert len(place.root("docker image ls --quiet --filter dangling=true").split()) == 0


def test_variables_stay_until_they_are_given_anew(place: Place, person: Person, folder: Path, name: str) -> None:
    go = ("env", "go", str(folder), "-c", "box", "--no-open", "--json")
    values = {"PLAIN": "one", "ODD": "two  words; $(id) 'quoted' \"twice\" \\ é", "EMPTY": ""}
    person.ez(*go, *[word for key, value in values.items() for word in ("--env", f"{key}={value}")])
    container = place.containers(name)
    shown = person.ssh(f"{name}.ez", "printenv PLAIN; bash -lc 'printf %s\\\\n \"$ODD\"'; printenv EMPTY").stdout
    assert shown == "".join(f"{value}\n" for value in values.values())
    assert person.ez(*go).json["changed"] == []
    assert person.ez(*go, "--env", "PLAIN=one").json["changed"] == []
    assert place.containers(name) == container
    assert person.ez(*go, "--env", "PLAIN=other").json["changed"] == ["start"]
    assert person.ssh(f"{name}.ez", "printenv PLAIN; bash -lc 'printf %s\\\\n \"$ODD\"'").stdout == (
        f"other\n{values['ODD']}\n"
    )


@pytest.mark.parametrize("where", ["box", "local"])
def test_a_failing_step_names_its_line_and_its_last_words(
    where: str, place: Place, local: Place, person: Person, folder: Path, name: str
) -> None:
    at = {"box": place, "local": local}[where]
    go = ("env", "go", str(folder), "-c", where, "--no-open")
    person.ez(*go)
    container = at.containers(name)
    write_files(folder, {"build.envd": PLAIN + BROKEN})
    failed = person.ez(*go, code=1)
    line = (PLAIN + BROKEN).splitlines().index(
        '    run(commands=["echo first words; echo last words >&2; exit 3"])'
    ) + 1
    assert "exit code 3" in failed.told
    assert f"at build.envd:{line}" in failed.told
    assert "| last words" in failed.told
    assert f"hint: look at line {line} of `build.envd`" in failed.told
    assert at.containers(name) == container
    person.ssh(f"{name}.ez", "true")
