"""Names and values as hostile as they come: refused with a clear error, or taken as they are; never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.person import Person
from tests.integration.places import PLAIN, Place, commit, write_files
from tests.testbed import GitServer
from tests.testbed.shell import run

CANARY = "/tmp/ez-canary"
HOSTILE = (
    f"a; touch {CANARY}",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"a' || touch {CANARY} '",
    f'a" && touch {CANARY} "',
    f"a\ntouch {CANARY}",
    "-oProxyCommand=touch " + CANARY,
    "--upload-pack=touch " + CANARY,
    f"ext::sh -c touch% {CANARY}",
    "../../etc",
    "with space",
    "ünïcödé-名前",
    "x" * 300,
    "\x1b[2J",
    "",
)
EXPECTED = (0, 1, 2)


@pytest.fixture(autouse=True)
def _nothing_was_run(request: pytest.FixtureRequest) -> Iterator[None]:
    """Neither here nor, where the test has one, on the other computer."""
    Path(CANARY).unlink(missing_ok=True)
    yield
    assert not Path(CANARY).exists()
    if "place" in request.fixturenames:
        place: Place = request.getfixturevalue("place")
        assert place.root(f"ls -d {CANARY} ez-canary* /home/dev/ez-canary* 2>/dev/null; true") == ""


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "flags",
    [
        ("REPO",),
        (".", "--name", "REPO"),
        (".", "-c", "REPO"),
        (".", "--from", "REPO"),
        (".", "--env", "REPO"),
        ("https://127.0.0.1:9/thing", "--ref", "REPO"),
        (".", "--ide", "REPO"),
    ],
    ids=["repo", "name", "computer", "from", "env", "ref", "ide"],
)
def test_what_is_typed(flags: tuple[str, ...], text: str, person: Person, folder: Path) -> None:
    words = [word.replace("REPO", text) if word == "REPO" else word for word in flags]
    done = person.ez("env", "go", "--dry-run", "--no-agent", *words, code=None, cwd=folder)
    assert done.code in EXPECTED, done.stderr
    assert "\x1b" not in done.stderr
    if done.code:
        assert "error: " in done.stderr.lower()
        assert len(max(done.told.splitlines(), key=len)) < 400
