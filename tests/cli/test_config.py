"""`ez config`: settings kept and forgotten, and this computer as it was before ez."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.ssh.config import SshConfig
from tests.integration.person import Person

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def test_a_setting_set_shown_and_forgotten(person: Person) -> None:
    assert person.ez("config", "get", "defaults.computer").stdout == "local\n"
    person.ez("config", "set", "defaults.computer", "box")
    assert person.ez("config", "get", "defaults.computer").stdout == "box\n"
    assert person.ez("config", "get", "defaults.computer", EZ_COMPUTE="other").stdout == "other\n"
    settings = {item["key"]: item for item in person.ez("config", "ls", "--json").json}
    assert settings["defaults.computer"]["value"] == "box"
    assert settings["defaults.computer"]["source"].endswith("config.toml")
    person.ez("config", "set", "defaults.agent", "no")
    assert person.ez("config", "get", "defaults.agent").stdout == "false\n"
    person.ez("config", "unset", "defaults.computer")
    assert person.ez("config", "get", "defaults.computer").stdout == "local\n"
    assert person.ez("config", "get", "defaults.agent").stdout == "false\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("get", "defaults.compuler"), "did you mean `defaults.computer`?"),
        (("set", "defaults.agent", "perhaps"), "must be a true or false"),
        (("set", "nothing.such", "1"), "unknown setting"),
        (("unset", "nothing.such"), "unknown setting"),
    ],
)
def test_a_setting_that_is_none(command: tuple[str, ...], told: str, person: Person) -> None:
    assert told in person.ez("config", *command, code=1).told


def test_a_settings_file_that_cannot_be_read_is_named(person: Person) -> None:
    file = person.home / ".config" / "ez" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[defaults\n")
    assert str(file) in person.ez("env", "ls", code=1).told


def test_a_repo_may_not_choose_where_downloads_come_from(person: Person) -> None:
    (person.home / "ez.toml").write_text('[network]\npip_index = "https://evil.example"\n')
    assert "may not be set in a repo's" in person.ez("env", "go", "--dry-run", code=1).told


@pytest.mark.parametrize("before", [None, b"", b"Host a\n    User b", b"# mine\r\nHost *\r\n  User b\r\n"])
def test_reset_leaves_the_ssh_configuration_as_it_was(person: Person, before: bytes | None) -> None:
    person.ssh_config.unlink()
    if before is not None:
        person.ssh_config.write_bytes(before)
    own = person.home / ".ssh" / "ez"
    config = SshConfig(person.ssh_config, own, environment=person.environment)
    config.client_key()
    config.publish_environment("thing", user="envd", attach=["true"], host_keys=[KEY])
    assert person.ssh_config.read_bytes().startswith(b"Include ")
    person.ez("config", "reset", "--yes")
    assert (person.ssh_config.read_bytes() if person.ssh_config.exists() else b"") == (before or b"")
    assert not own.exists()
    person.ez("config", "reset", "--yes")


@pytest.mark.parametrize("damage", [b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_index_is_told_and_can_be_set_aside(person: Person, damage: bytes) -> None:
    assert person.environments() == {}
    person.database.write_bytes(damage)
    for command in (("env", "ls"), ("compute", "ls"), ("env", "go", "git@host:thing")):
        refused = person.ez(*command, code=1)
        assert "state file is damaged" in refused.told
        assert "hint: ez config reset --state" in refused.told
        assert person.database.read_bytes() == damage
    assert "state" in person.ez("doctor", code=1).stdout.lower() + person.ez("doctor", code=1).stderr.lower()
    person.ez("config", "reset", "--state", "--yes")
    assert person.environments() == {}
    (kept,) = person.database.parent.glob("state.db.*.damaged")
    assert kept.read_bytes() == damage


def test_where_ez_keeps_its_files(person: Person, tmp_path: Path) -> None:
    config, state = str(tmp_path / "config"), str(tmp_path / "state")
    person.ez("config", "set", "defaults.ide", "none", XDG_CONFIG_HOME=config, XDG_STATE_HOME=state)
    person.ez("env", "ls", XDG_CONFIG_HOME=config, XDG_STATE_HOME=state)
    assert (tmp_path / "config" / "ez" / "config.toml").exists()
    assert (tmp_path / "state" / "ez" / "state.db").exists()
    assert not (person.home / ".config").exists()
