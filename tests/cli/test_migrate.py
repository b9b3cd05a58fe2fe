"""`ez build --migrate`, `--syntax` and `--stubs` as they are typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ez.cli.app import run
from scripts.lib.build_file import stubs

OLD = """# syntax=v0
def build():
    # what it\u2028is for
    base(os="ubuntu20.04", language="python3.9")
"""
NEW = """# syntax=v1
def build():
    # what it\u2028is for
    base(dev=True)
    install.conda()
    install.python("3.9")
"""


@pytest.fixture
def repo(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = home / "repo"
    folder.mkdir()
    (folder / "build.envd").write_text(OLD)
    (folder / "build.envd").chmod(0o640)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("ez.cli.output._log", None)
    return folder


def test_a_file_is_shown_and_written(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--migrate"]) == 0
    shown = capsys.readouterr()
    assert (repo / "build.envd").read_text() == OLD
    assert shown.err == "nothing is written; to do it: ez build --migrate --write\n"
    assert run(["build", "--migrate", "--write", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"diff": shown.out, "left": [], "written": ["build.envd"]}
    assert (repo / "build.envd").read_text() == NEW
    assert (repo / "build.envd").stat().st_mode & 0o777 == 0o640
    subprocess.run(["patch", "-p1", "--reverse"], input=shown.out, text=True, check=True, capture_output=True)
    assert (repo / "build.envd").read_text() == OLD


def test_nothing_is_written_where_something_is_left(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = OLD.replace('"python3.9"', '"python" + "3.9"')
    (repo / "build.envd").write_text(text)
    assert run(["build", "--migrate", "--write"]) == 1
    shown = capsys.readouterr()
    assert "build.envd:4: base: `language` cannot be read here; write it as a text" in shown.err
    assert "so nothing is written" in shown.err
    assert (repo / "build.envd").read_text() == text


def test_all_files_or_none(repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "build.envd").write_text('# syntax=v0\nload("lib.envd", "copies")\n\ndef build():\n    copies()\n')
    (repo / "lib.envd").write_text('def copies():\n    io.copy(host_path="a", envd_path="/a")\n')
    (repo / "a").write_text("")
    before = {path.name: path.read_text() for path in repo.iterdir()}
    written: list[Path] = []
    whole = Path.replace

    def fail_later(path: Path, target: Path) -> Path:
        written.append(target)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return whole(path, target)

    monkeypatch.setattr(Path, "replace", fail_later)
    assert run(["build", "--migrate", "--write"]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert {path.name: path.read_text() for path in repo.iterdir()} == before


def test_the_version_can_be_said(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repo / "build.envd").write_text(OLD.partition("\n")[2])
    assert run(["build", "--print", "json"]) == 1
    assert "or use `--syntax v0`" in capsys.readouterr().err
    assert run(["build", "--print", "json", "--syntax", "v0"]) == 0
    assert "3.9" in capsys.readouterr().out
    (repo / "build.envd").write_text(NEW)
    assert run(["lock", "--check", "--syntax", "v0"]) == 1
    assert "leave out `--syntax v0`" in capsys.readouterr().err
    assert run(["build", "--syntax", "v1", "--from", "build.py"]) == 2
    assert "--syntax is for build files of envd" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_stubs_are_put_where_an_editor_finds_them(version: str, repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--stubs", "typings", "--syntax", version]) == 0
    assert capsys.readouterr().out == "typings/__builtins__.pyi\n"
    assert (repo / "typings" / "__builtins__.pyi").read_text() == stubs(version)
