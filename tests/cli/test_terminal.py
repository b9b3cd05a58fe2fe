"""A whole `ez env go` on a terminal: the live view, the result, a question; and the same without one."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.integration.person import Person
from tests.integration.places import Place, cleaned, write_files

NAME = "t-terminal"
STEPS = ("Connect to local", "Prepare local", "Bring ", "Evaluate build.envd:build", "Build", f"Start {NAME}")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TALKING = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
    run(commands=[": {never_built}; for word in one two three; do echo said-$word; sleep 0.4; done"])
"""


@pytest.mark.engine
def test_go_on_a_terminal_and_off_it(engine: Path, person: Person) -> None:
    folder = write_files(person.home / NAME, {"build.envd": TALKING.format(never_built=uuid.uuid4())})
    with cleaned(Place("local", None)) as local:
        with Terminal(person, "env", "go", "--no-open", cwd=folder) as live:
            assert ESCAPES.sub("", live.until("said-two")).count("… Build") > 1
            shown = ESCAPES.sub("", live.rest())
            assert live.code() == 0
        assert [title for title in STEPS if f"✓ {title}" not in shown and f"- {title}" not in shown] == []
        assert f"ssh {NAME}.ez" in shown.splitlines()[-3]
        container = local.containers(NAME)

        quiet = person.ez("env", "go", "--no-open", "--quiet", cwd=folder)
        assert quiet.stderr == ""
        assert f"ssh {NAME}.ez" in quiet.stdout
        result = person.ez("env", "go", "--no-open", "--json", cwd=folder)
        assert json.loads(result.stdout)["changed"] == []
        assert "-> Connect to local" in result.stderr
        assert "$ local: " in person.ez("env", "go", "--no-open", "--verbose", cwd=folder).stderr
        assert local.containers(NAME) == container

        for command in (("env", "info", NAME), ("env", "stop", NAME), ("env", "start", NAME)):
            assert person.ez(*command, "--json").json
        with Terminal(person, "env", "delete", NAME) as asked:
            asked.until("[y/N]")
            asked.send("n\n")
            asked.rest()
            assert asked.code() == 1
        assert local.containers(NAME) == container
        assert person.ez("env", "delete", NAME, "--yes", "--json").json["removed"] == ["container", "image", "alias"]
        assert local.containers(NAME) == {}
