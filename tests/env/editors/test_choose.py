"""Which editor is opened, where it is found, how it is told, and what is said where none can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ez.env.editors.choose import choose
from ez.env.editors.find import Desktop, desktop_of, find
from ez.env.editors.launch import open_address, open_editor
from ez.env.editors.table import CHOICES, EDITORS
from ez.errors import UsageError

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Puts a program below `root` that notes how it was called in the file `called`, and ends with a code."""

    def put(path: str, code: int = 0) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/called"\necho no >&2\nexit {code}\n')
        file.chmod(0o755)
        return file

    return put


def desktop(root: Path, system: str = "linux", wsl: str = "", **variables: str) -> Desktop:
    environment = {"PATH": f"{root}/bin:/usr/bin:/bin", **variables}
    return Desktop(environment, system, root, wsl)


@pytest.mark.parametrize(
    ("wanted", "screen", "editor", "opened", "reason"),
    [
        ("auto", True, "code", True, ""),
        ("auto", False, "code", False, "no screen"),
        ("code", False, "code", True, ""),
        ("cursor", True, "cursor", True, ""),
        ("codium", True, "codium", False, "VSCodium is not installed on this computer; `--ide code`, `--ide cursor`, "),
        ("none", True, "code", False, "no editor was asked for"),
        ("gateway", True, "gateway", True, ""),
        ("gateway", False, "gateway", False, "no screen"),
    ],
)
def test_the_choice(
    wanted: str, screen: bool, editor: str, opened: bool, reason: str, install: Install, tmp_path: Path
) -> None:
    install("bin/code")
    install("bin/cursor")
    chosen = choose(wanted, desktop(tmp_path, **({"DISPLAY": ":0"} if screen else {})))
    assert (chosen.editor.id, chosen.launch) == (editor, opened)
    assert reason in chosen.reason


def test_no_editor_at_all_is_no_error(tmp_path: Path) -> None:
    chosen = choose("auto", Desktop({"PATH": str(tmp_path), "DISPLAY": ":0"}, root=tmp_path))
    assert not chosen.launch
    assert "not installed" in chosen.reason


def test_an_unknown_editor(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        choose("em\nacs", desktop(tmp_path))
    assert "code-insiders" in (caught.value.hint or "")
    assert {"windsurf", "positron", "zed", "gateway", "jupyter", "web"} <= set(CHOICES)


@pytest.mark.parametrize(
    ("system", "place", "editor"),
    [
        ("linux", "snap/bin/codium", "codium"),
        ("darwin", "Applications/Visual Studio Code.app/Contents/Resources/app/bin/code", "code"),
        ("darwin", "me/Applications/Windsurf.app/Contents/Resources/app/bin/windsurf", "windsurf"),
        ("darwin", "Applications/Zed.app/Contents/MacOS/cli", "zed"),
        ("win32", "local/Programs/Microsoft VS Code/bin/code.cmd", "code"),
        ("win32", "programs/Positron/bin/positron.cmd", "positron"),
    ],
)
def test_where_installers_put_them(system: str, place: str, editor: str, install: Install, tmp_path: Path) -> None:
    file = install(place)
    variables = {"HOME": "/me", "LOCALAPPDATA": f"{tmp_path}/local", "ProgramFiles": f"{tmp_path}/programs"}
    here = desktop(tmp_path, system, **variables)
    assert find(EDITORS[editor], here) == str(file)
    assert find(EDITORS["cursor"], here) is None


def test_the_terminal_of_an_editor_has_a_program_that_cannot_open_another_host(
    install: Install, tmp_path: Path
) -> None:
    install("server/bin/remote-cli/code")
    here = desktop(tmp_path, PATH=f"{tmp_path}/server/bin/remote-cli", DISPLAY=":0")
    assert find(EDITORS["code"], here) is None


def test_how_an_editor_is_started(install: Install, tmp_path: Path) -> None:
    install("bin/code")
    install("bin/cursor", code=3)
    here = desktop(tmp_path, DISPLAY=":0")
    assert open_editor(choose("code", here), here, "thing.ez", "/home/envd/a b") == ""
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["--remote", "ssh-remote+thing.ez", "/home/envd/a b"]
    assert open_editor(choose("cursor", here), here, "thing.ez", "/x") == "no"
    assert "not installed" in open_editor(choose("codium", here), here, "thing.ez", "/x")


def test_links() -> None:
    links = {id: editor.link("thing.ez", "/a b&c", "envd") for id, editor in EDITORS.items()}
    assert links["cursor"] == "cursor://vscode-remote/ssh-remote+thing.ez/a%20b%26c?windowId=_blank"
    assert links["zed"] == "zed://ssh/thing.ez/a%20b%26c"
    assert links["gateway"] == (
        "jetbrains-gateway://connect#type=ssh&deploy=true&host=thing.ez&port=22&user=envd&projectPath=%2Fa%20b%26c"
    )
    assert EDITORS["zed"].arguments("thing.ez", "/a b") == ("zed", "ssh://thing.ez/a%20b")
    assert EDITORS["gateway"].arguments("thing.ez", "/a") == ()


def test_from_wsl_the_program_of_windows_is_started_and_no_character_means_more_to_it(
    install: Install, tmp_path: Path
) -> None:
    install("bin/cmd.exe")
    here = desktop(tmp_path, wsl="Ubuntu", PATH=f"{tmp_path}/bin:{tmp_path}/mnt/c/code/bin:/usr/bin:/bin")
    chosen = choose("none", here)
    chosen = type(chosen)(EDITORS["code"], True, "", "/mnt/c/code/bin/code")
    assert open_editor(chosen, here, "thing.ez", '/home/a&calc"|^<b>') == ""
    assert (tmp_path / "called").read_text().splitlines() == [
        "/d",
        "/c",
        "code",
        "--folder-uri=vscode-remote://ssh-remote+thing.ez/home/a%26calc%22%7C%5E%3Cb%3E",
    ]


@pytest.mark.parametrize(
    ("system", "wsl", "program", "arguments"),
    [
        ("linux", "", "xdg-open", []),
        ("darwin", "", "open", []),
        ("win32", "", "rundll32.exe", ["url.dll,FileProtocolHandler"]),
        ("linux", "Ubuntu", "rundll32.exe", ["url.dll,FileProtocolHandler"]),
        ("linux", "Ubuntu", "xdg-open", []),
    ],
)
def test_how_a_page_is_opened(
    system: str, wsl: str, program: str, arguments: list[str], install: Install, tmp_path: Path
) -> None:
    install(f"bin/{program}")
    here = Desktop({"PATH": f"{tmp_path}/bin", "DISPLAY": ":0"}, system, tmp_path, wsl)
    # `printf` is the shell's own, so that PATH may lead nowhere else.
    assert open_address("http://a.localhost:1/?ticket=x&y=1", here) == ""
    assert (tmp_path / "called").read_text().splitlines() == [*arguments, "http://a.localhost:1/?ticket=x&y=1"]
    assert "not an address" in open_address("--version", here)


def test_who_is_where(tmp_path: Path) -> None:
    assert desktop_of({"WSL_DISTRO_NAME": "Debian"}, "linux").wsl == "Debian"
    assert desktop_of({}, "linux").wsl == ""
    assert not desktop_of({"DISPLAY": ":0", "SSH_CONNECTION": "a 1 b 2"}, "linux").has_screen
    assert desktop_of({}, "darwin").has_screen
    assert "no screen" in open_address("http://a/", desktop(tmp_path))
