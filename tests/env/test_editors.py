"""Which editor is opened, and what is said where none can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.env.editors import EDITORS, choose, launch
from ez.errors import UsageError


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory with an editor that notes how it was called, and one that fails."""
    for name, end in (("code", "0"), ("cursor", "3")):
        (tmp_path / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/called"\necho no >&2\nexit {end}\n')
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "screen", "editor", "opened", "reason"),
    [
        ("auto", True, "code", True, ""),
        ("auto", False, "code", False, "no screen"),
        ("code", False, "code", True, ""),
        ("cursor", True, "cursor", True, ""),
        ("codium", True, "codium", False, "VSCodium is not installed"),
        ("none", True, "code", False, "no editor was asked for"),
    ],
)
def test_the_choice(wanted: str, screen: bool, editor: str, opened: bool, reason: str, programs: Path) -> None:
    chosen = choose(wanted, {"PATH": str(programs), **({"DISPLAY": ":0"} if screen else {})})
    assert (chosen.editor.id, chosen.launch) == (editor, opened)
    assert reason in chosen.reason


def test_no_editor_at_all_is_no_error(tmp_path: Path) -> None:
    chosen = choose("auto", {"PATH": str(tmp_path), "DISPLAY": ":0"})
    assert not chosen.launch
    assert "not installed" in chosen.reason


def test_an_unknown_editor() -> None:
    with pytest.raises(UsageError) as caught:
        choose("emacs", {})
    assert "code-insiders" in (caught.value.hint or "")


def test_how_an_editor_is_started(programs: Path) -> None:
    arguments = EDITORS["code"].arguments("thing.ez", "/home/envd/a b")
    assert launch(arguments, {"PATH": f"{programs}:/usr/bin:/bin"}) == ""
    assert (programs / "called").read_text().splitlines() == ["--remote", "ssh-remote+thing.ez", "/home/envd/a b"]
    assert (
        EDITORS["cursor"].link("thing.ez", "/a b") == "cursor://vscode-remote/ssh-remote+thing.ez/a%20b?windowId=_blank"
    )
    assert launch(EDITORS["cursor"].arguments("thing.ez", "/x"), {"PATH": f"{programs}:/usr/bin:/bin"}) == "no"
    assert "not on PATH" in launch(EDITORS["codium"].arguments("thing.ez", "/x"), {"PATH": str(programs)})
