"""Whatever is typed ends in a clear error: never in a traceback, and never in a file that only a command would make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ez.cli.app import run
from tests.integration.person import EZ, Person
from tests.integration.places import PLAIN, write_files

CANARY = "ez-canary"
SHAPES = (
    f"a; touch {CANARY}",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"a' || touch {CANARY} '",
    f'a" && touch {CANARY} "',
    f"a\ntouch {CANARY}",
    f"-oProxyCommand=touch {CANARY}",
    f"--upload-pack=touch {CANARY}",
    f"ext::sh -c touch% {CANARY}",
    f"git@-oProxyCommand=touch {CANARY}:path",
    f"ssh://-oProxyCommand=touch {CANARY}/path",
    f"https://host/$(touch {CANARY})",
    "../../etc",
    "with space",
    "ünïcödé-名前",
    "x" * 300,
    "y" * 5000,
    "\x1b[2J",
    "a=b=c",
    ":",
    "::",
    "/",
    "~",
    "~nobody-of-that-name/key",
    "",
)
NOWHERE = ("-c", "no-such-computer", "--no-open")
COMMANDS: dict[str, Sequence[str]] = {
    "repo": ("env", "go", "HERE", *NOWHERE),
    "name": ("env", "go", ".", "--name", "HERE", *NOWHERE),
    "computer": ("env", "go", ".", "-c", "HERE", "--dry-run", "--no-agent"),
    "from": ("env", "go", ".", "--from", "HERE", *NOWHERE),
    "env": ("env", "go", ".", "--env", "HERE", *NOWHERE),
    "ref": ("env", "go", "https://127.0.0.1:9/thing", "--ref", "HERE", *NOWHERE),
    "ide": ("env", "go", ".", "--ide", "HERE", *NOWHERE),
    "info": ("env", "info", "HERE"),
    "delete": ("env", "delete", "HERE", "--yes"),
    "logs": ("env", "logs", "HERE", "HERE"),
    "copy": ("env", "cp", "HERE", ":HERE", "HERE:x"),
    "forward": ("env", "forward", "HERE", "HERE"),
    "add": ("compute", "add", "HERE", "dev@127.0.0.1:9"),
    "destination": ("compute", "add", "box", "HERE:9"),
    "identity": ("compute", "add", "box", "dev@127.0.0.1:9", "--identity", "HERE"),
    "forget": ("compute", "delete", "HERE", "--yes"),
    "build": ("build", "HERE", "-t", "HERE", "-q", *NOWHERE[:2]),
    "output": ("build", ".", "-o", "HERE", "--cache-to", "HERE", "-q", *NOWHERE[:2]),
    "secret": ("build", ".", "--secret", "HERE", "-q", *NOWHERE[:2]),
    "explain": ("build", "explain", "HERE"),
    "prune": ("build", "cache", "prune", "--keep", "HERE", "--dry-run", *NOWHERE[:2]),
    "lock": ("lock", "HERE", "--check"),
    "workspace": ("workspace", "create", "HERE", "-p", "aws", "--account", "HERE", "--network", "HERE", "--yes"),
    "key": ("config", "get", "HERE"),
    "value": ("config", "set", "defaults.computer", "HERE"),
}
TYPED = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40) | st.sampled_from(SHAPES)


def known(text: str) -> bool:
    return text in ("local", ".", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_typed(
    command: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(write_files(home / "repo", {"build.envd": PLAIN}))
    monkeypatch.setenv("EZ_SSH_CONFIG", str(home / ".ssh" / "config"))

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(TYPED)
    def try_it(text: str) -> None:
        if command == "computer" and known(text):
            return
        code = run([word.replace("HERE", text) if "HERE" in word else word for word in COMMANDS[command]])
        told = capsys.readouterr().err
        assert code in (0, 1, 2), told
        assert code == 0 or "rror: " in told
        assert "\x1b" not in told

    for shape in SHAPES:
        try_it = example(shape)(try_it)
    try_it()
    assert list(home.rglob(f"*{CANARY}*")) == []


def test_bytes_that_are_no_text(person: Person) -> None:
    odd = os.fsencode(person.home) + b"/caf\xe9"
    os.mkdir(odd)
    for words, place in (
        ([b"env", b"go", b"\xff\xfe"], person.home),
        ([b"env", b"go", b"--env", b"A=\xff"], person.home),
        ([b"config", b"set", b"defaults.computer", b"\xff"], person.home),
        ([b"env", b"go", b"--name", b"thing"], odd),
    ):
        command = [os.fsencode(EZ), *words]
        done = subprocess.run(command, env=person.environment, cwd=place, capture_output=True, check=False)
        assert done.returncode == 2, done.stderr
        assert b"UTF-8" in done.stderr
        assert b"Traceback" not in done.stderr
