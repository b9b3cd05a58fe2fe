"""Secrets where a person keeps them: a real keyring, and a file of the real `age`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ez.env.secrets.give import payload
from ez.env.secrets.of_repo import told_by
from ez.env.secrets.store import LARGEST, Secrets
from ez.env.secrets.wanted import Wanted, WantedFile, joined, of_settings, parse_wanted
from ez.errors import ConfigError, SecretError, UsageError

VALUES = (b"plain", b"two\nlines\n", b"\xff\x00\xfe", "Größe".encode(), b"ez-base64:x")


@pytest.fixture
def secrets(home: Path) -> Secrets:
    return Secrets(home / "config", "age", {"PATH": os.environ["PATH"]})


def test_values_come_back_as_they_were_and_are_in_no_file(secrets: Secrets, home: Path) -> None:
    for number, value in enumerate(VALUES):
        secrets.set(f"S{number}", value)
    assert [secrets.get(f"S{number}") for number in range(len(VALUES))] == list(VALUES)
    assert [one.kind for one in secrets.all()] == ["age"] * len(VALUES)
    for path in home.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
            assert b"plain" not in path.read_bytes()
    assert secrets.remove("S0")
    assert not secrets.remove("S0")
    with pytest.raises(SecretError) as raised:
        secrets.get("S0")
    assert raised.value.hint == "ez secret set S0"


def test_a_value_has_a_size(secrets: Secrets) -> None:
    for value in (b"", b"x" * (LARGEST + 1)):
        with pytest.raises(SecretError):
            secrets.set("S", value)


def test_a_broken_file_is_an_error_and_not_an_empty_store(secrets: Secrets, home: Path) -> None:
    secrets.set("S", b"x")
    (home / "config" / "secrets.age").write_text("broken")
    with pytest.raises(SecretError):
        secrets.set("T", b"y")


ON_A_KEYRING = """
import sys
from pathlib import Path
from ez.env.secrets.store import Secrets
secrets = Secrets(Path(sys.argv[1]), "keyring", {})
for number, value in enumerate(%r):
    assert secrets.set(f"S{number}", value).kind == "keyring"
    assert secrets.get(f"S{number}") == value
    assert secrets.remove(f"S{number}")
print("kept")
"""


def test_the_same_in_a_real_keyring(home: Path) -> None:
    unlock = "echo -n password | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
    script = f'{unlock} && exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", script, sys.executable, ON_A_KEYRING % (VALUES,), str(home / "config")],
        env={**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.endswith("kept\n"), done.stderr


def test_forms_of_what_an_environment_gets() -> None:
    assert parse_wanted("A") == parse_wanted("A=file") == Wanted("A")
    assert parse_wanted("A=env") == Wanted("A", "A")
    assert parse_wanted("a.b=env:TOKEN") == Wanted("a.b", "TOKEN")
    for text in ("", "A=x", "a.b=env", "../x", "A/B", "A=env:PATH", "A=env:LD_PRELOAD", "A=env:1", ".x", "A=file:x"):
        with pytest.raises(UsageError):
            parse_wanted(text)
    with pytest.raises(UsageError) as raised:
        parse_wanted("TOKEN=hunter2")
    assert "hunter2" not in raised.value.message


def test_a_repo_gets_what_was_allowed_and_a_person_what_they_say() -> None:
    told = {"A": ("file", True), "B": ("env", True), "C": ("env:D", False)}
    assert of_settings(told, ["B"]) == ((Wanted("B", "B"), Wanted("C", "D")), ("A",))


def test_a_variable_has_one_secret() -> None:
    assert joined([Wanted("a", "X")], [Wanted("b", "X"), Wanted("b")]) == (Wanted("a", "X"), Wanted("b"))
    with pytest.raises(UsageError, match="one variable: `X`"):
        joined([], [Wanted("a", "X"), Wanted("b", "X")])


def test_what_a_repo_says_may_be_anything(tmp_path: Path) -> None:
    file = tmp_path / "ez.toml"
    assert told_by(tmp_path) == {}
    file.write_text('[secrets]\nA = "env"\nB = ""\n[other]\nx = 1\n')
    assert told_by(tmp_path) == {"A": "env"}
    many = "[secrets]\n" + "".join(f'N{number} = "env"\n' for number in range(51))
    for bad in ("[secrets", "secrets = 1", "[secrets]\nA = 1", "[secrets]\nA = {}", many, "x = 1\n" + "#" * 100_000):
        file.write_text(bad)
        with pytest.raises(ConfigError):
            told_by(tmp_path)
    others: list[Callable[[], None]] = [lambda: file.symlink_to("/etc/os-release"), lambda: os.mkfifo(file), file.mkdir]
    for make in others:
        file.unlink()
        make()
        assert told_by(tmp_path) == {}


def test_the_list_of_an_environment_lasts(tmp_path: Path) -> None:
    file = WantedFile(tmp_path / "records")
    assert file.read() == ()
    file.write([Wanted("B", "V"), Wanted("A")])
    assert file.read() == (Wanted("A"), Wanted("B", "V"))


def test_a_variable_cannot_have_a_zero_byte() -> None:
    assert payload([Wanted("A")], lambda name: b"\0") == b"file\nA\nAA==\n"
    with pytest.raises(SecretError):
        payload([Wanted("A", "A")], lambda name: b"\0")
