"""What every command promises: where results and talk go, exit codes, questions, aliases of flags."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from ez.cli import app
from ez.cli.output import print_json
from ez.models import Computer, SshEndpoint
from ez.state import EnvironmentRecord, State
from tests.cli.terminal import Terminal
from tests.compute.values import told
from tests.integration.person import EZ, Person
from tests.integration.places import PLAIN, write_files

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def indexed(person: Person) -> Person:
    """Has an environment on a computer that nobody can reach: whatever asks it fails at once."""
    with State(person.database) as state:
        state.save_computer(Computer("far", "byo", SshEndpoint("127.0.0.1", 9, "me", None, (KEY,))))
        state.save_environment(
            EnvironmentRecord(
                "thing", "far", repo_url="git@host:thing", alias="thing.ez", host_path="/home/me/ez/thing"
            )
        )
    return person


@pytest.mark.parametrize(
    "command",
    [
        ("env", "ls"),
        ("compute", "ls"),
        ("workspace", "ls"),
        ("workspace", "info"),
        ("config", "ls"),
        ("doctor",),
        ("compute", "info", "local"),
    ],
)
def test_json_is_all_there_is_on_stdout(command: tuple[str, ...], indexed: Person) -> None:
    done = indexed.ez(*command, "--json", code=None)
    assert done.code in (0, 1)
    assert done.json
    assert "{" not in indexed.ez(*command, code=None).stdout


def test_an_engine_s_settings_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """They may hold the password of a proxy."""
    config = base64.b64encode(b'{"proxies": {"http-proxy": "http://me:secret@proxy"}}').decode()
    print_json(told(docker__config=config))
    shown = json.loads(capsys.readouterr().out)
    assert shown["engine"]["settings"] is None
    assert shown["engine"]["state"] == "absent"


def test_listings_hold_what_the_index_holds(indexed: Person) -> None:
    (record,) = indexed.ez("env", "ls", "--json").json
    assert (record["name"], record["computer"], record["repo_url"]) == ("thing", "far", "git@host:thing")
    assert "thing" in indexed.ez("env", "ls", "-c", "far").stdout
    assert indexed.ez("env", "ls", "-c", "local", "--json").json == []
    computers = {computer["name"]: computer["environments"] for computer in indexed.ez("compute", "ls", "--json").json}
    assert computers == {"local": [], "far": ["thing"]}


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (0, ("--version",)),
        (0, ("env", "ls")),
        (1, ("env", "info", "nothing")),
        (1, ("env", "info", "thing")),
        (1, ("env", "go", "./nowhere")),
        (2, ("env", "go", "--no-such-flag")),
        (2, ("no-such-noun",)),
        (2, ("env", "go", ".", "--no-open", "--ide", "code")),
        (2, ("env", "info")),
        (1, ("env", "go", "git@host:thing", "-c", "nobody")),
    ],
)
def test_exit_codes(code: int, command: tuple[str, ...], indexed: Person) -> None:
    done = indexed.ez(*command, code=code)
    if code:
        assert done.stdout == ""
        assert done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("env", "delete", "thing"),
        ("env", "delete", "thing", "--work-tree"),
        ("env", "delete", "thing", "--json"),
        ("compute", "delete", "far"),
        ("workspace", "delete", "default"),
        ("config", "reset"),
        ("config", "reset", "--state"),
    ],
)
def test_what_deletes_wants_yes_or_a_terminal_before_anything(command: tuple[str, ...], indexed: Person) -> None:
    before = indexed.database.read_bytes(), indexed.ssh_config.read_bytes()
    refused = indexed.ez(*command, code=2)
    assert refused.stdout == ""
    assert "hint: add --yes" in refused.told
    assert (indexed.database.read_bytes(), indexed.ssh_config.read_bytes()) == before
    assert indexed.environments().keys() == {"thing"}


def test_a_computer_that_is_gone_for_good_can_be_forgotten(indexed: Person) -> None:
    assert "cannot be reached" in indexed.ez("env", "delete", "thing", "--yes", code=1).told
    assert indexed.ez("env", "delete", "thing", "--yes", "--forget", "--json").json["removed"] == ["alias"]
    indexed.ez("compute", "delete", "far", "--yes")
    assert indexed.ez("env", "ls").stdout == ""


def test_the_flags_of_the_tool_before_still_work(indexed: Person) -> None:
    write_files(indexed.home / "repo", {"build.envd": PLAIN})
    refused = indexed.ez("env", "go", "-g", "repo", "-n", "nobody", "-e", "other", code=1)
    assert "`nobody`" in refused.told
    bad = indexed.ez("env", "go", "-g", "repo", "-n", "nobody", "-e", "No Name", code=2)
    assert "`No Name`" in bad.told
    for command in (("info",), ("stop",), ("start",), ("logs",)):
        assert "`nothing` on `far`" in indexed.ez("env", *command, "-e", "nothing", "-n", "far", code=1).told
    assert "`nobody`" in indexed.ez("compute", "info", "-n", "nobody", code=1).told
    shown = indexed.ez("env", "go", "--help").stdout
    assert " -g" not in shown
    assert " -n" not in shown


def test_no_colour_where_nobody_wants_it(person: Person) -> None:
    with Terminal(person, "doctor") as coloured:
        assert "\x1b[32m" in coloured.rest()
    for terminal in (Terminal(person, "doctor", NO_COLOR="1"), Terminal(person, "doctor", TERM="dumb")):
        with terminal as plain:
            assert "\x1b" not in plain.rest()
    done = person.ez("doctor", code=None)
    assert "\x1b" not in done.stdout + done.stderr


def test_a_question_on_a_terminal(indexed: Person) -> None:
    with Terminal(indexed, "compute", "delete", "far") as asked:
        asked.until("forget `far`")
        asked.send("n\n")
        assert "nothing was changed" in asked.rest()
        assert asked.code() == 1
    with Terminal(indexed, "compute", "delete", "far") as asked:
        asked.until("[y/N]")
        asked.send("\x03")
        asked.rest()
        assert asked.code() == 130
    with Terminal(indexed, "compute", "delete", "far") as asked:
        asked.until("[y/N]")
        asked.send("y\n")
        asked.rest()
        assert asked.code() == 0
    assert len(indexed.ez("compute", "ls", "--json").json) == 1


def test_a_bug_shows_its_place_and_the_log_has_the_rest(
    person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("ez.cli.output._log", None)
    monkeypatch.setattr("ez.cli.env_list.print_table", fail)
    monkeypatch.setattr("ez.state.State.environments", lambda *_: [EnvironmentRecord("a", "b")])
    assert app.run(["env", "ls"]) == 70
    told = capsys.readouterr().err
    assert "unexpected RuntimeError: a mistake of ours" in told
    assert "Traceback" not in told
    log = Path(told.rpartition("log: ")[2].strip())
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_reader_that_goes_away_is_no_error(person: Person) -> None:
    command = f'"{EZ}" config ls | true; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", command], env=person.environment, cwd=person.home, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""


def test_the_keys_of_json_only_grow(indexed: Person) -> None:
    (record,) = indexed.ez("env", "ls", "--json").json
    assert {"name", "computer", "repo_url", "repo_path", "ref", "alias", "workdir", "ports", "status"} <= record.keys()
    assert json.dumps(record)
