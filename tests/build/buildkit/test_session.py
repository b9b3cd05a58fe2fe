"""What the session's services say and send, without an engine."""

import asyncio
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ez.build.buildkit.messages import auth, control
from ez.build.buildkit.session.auth import Auth, find_credentials
from ez.build.buildkit.session.patterns import Patterns
from ez.build.buildkit.session.walk import open_below, walk
from ez.build.buildkit.status import Progress

from .conftest import Recorder

CASES = Path(__file__).parents[2] / "cases" / "build"

HELPER = """#!/bin/sh
read -r registry
case "$registry" in
    token.example) echo '{"Username": "<token>", "Secret": "identity"}' ;;
    *unknown.example) exit 1 ;;
    *) printf '{"Username": "helped", "Secret": "for %s"}' "$registry" ;;
esac
"""


@pytest.mark.parametrize("case", json.loads((CASES / "patterns.json").read_text()), ids=lambda case: case["about"])
def test_patterns(tmp_path: Path, case: dict[str, list[str]]) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/c.txt", "a/d.md", "a.txt"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("/etc")
    entries = walk(tmp_path, Patterns(case["include"]), Patterns(case["exclude"]))
    assert [entry.path for entry in entries] == case["gives"]


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=6)


@given(PATHS)
def test_the_walk_is_in_the_engines_order(paths: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            try:
                Path(folder, *path[:-1]).mkdir(parents=True, exist_ok=True)
                Path(folder, *path).touch()
            except OSError:
                continue
        found = [os.fsencode(entry.path).split(b"/") for entry in walk(Path(folder), Patterns(()), Patterns(()))]
    assert found == sorted(found)
    assert all(len(path) == 1 or path[:-1] in found for path in found)


def test_modes_are_gos(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o1777)
    (tmp_path / "f").touch()
    (tmp_path / "f").chmod(0o4755)
    (tmp_path / "l").symlink_to("f")
    os.mkfifo(tmp_path / "p", 0o600)
    os.mknod(tmp_path / "s", stat.S_IFSOCK | 0o600)
    modes = {entry.path: entry.go_mode for entry in walk(tmp_path, Patterns(()), Patterns(()))}
    assert modes == {
        "d": 1 << 31 | 1 << 20 | 0o777,
        "f": 1 << 23 | 0o755,
        "l": 1 << 27 | 0o777,
        "p": 1 << 25 | 0o600,
    }


@pytest.mark.parametrize("case", json.loads((CASES / "credentials.json").read_text()))
def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: dict[str, Any]) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(case["config"]))
    assert list(asyncio.run(find_credentials(config, case["registry"]))) == case["gives"]


class Question:
    """A call with one message."""

    def __init__(self, message: Any) -> None:
        self.answers: list[Any] = []
        self._message = message

    async def recv_message(self) -> Any:
        return self._message

    async def send_message(self, message: Any) -> None:
        self.answers.append(message)


@pytest.mark.parametrize(
    ("asked", "secret"), [("mine.example", "mine"), ("registry-1.docker.io", "hub"), ("other.example", "")]
)
def test_an_engine_gets_no_credentials_but_those_of_its_build(tmp_path: Path, asked: str, secret: str) -> None:
    config = tmp_path / "config.json"
    entries = {"mine.example": "mine", "other.example": "other", "https://index.docker.io/v1/": "hub"}
    known = {host: {"username": "me", "password": password} for host, password in entries.items()}
    config.write_text(json.dumps({"auths": known}))
    stream = Question(auth.CredentialsRequest(host=asked))
    (handler,) = Auth(config, {"mine.example", "docker.io"}).methods().values()
    asyncio.run(handler.func(stream))
    assert [answer.secret for answer in stream.answers] == [secret]


def test_nothing_is_read_through_a_directory_that_became_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").touch()
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "data").symlink_to("../outside")
    for path, flags in (("data/key", os.O_RDONLY), ("data", os.O_RDONLY | os.O_DIRECTORY)):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            open_below(tmp_path / "repo", path, flags)


def test_a_log_in_pieces_becomes_lines() -> None:
    sink = Recorder()
    progress = Progress(sink)
    for piece in (b"a\nb", b"c", b"\n\n", b"1%\r2%\r\n", b"end \xff"):
        progress.take(control.StatusResponse(logs=[control.VertexLog(vertex="v", stream=1, msg=piece)]))
    assert sink.lines == ["a", "bc", "", "2%"]
    progress.finish()
    assert sink.lines[-1] == "end \ufffd"
    assert progress.last_lines("v") == ("a", "bc", "2%", "end \ufffd")
