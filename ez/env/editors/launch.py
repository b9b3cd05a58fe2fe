"""Start an editor or a browser, and say why it did not start."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ez.env.editors.choose import EditorChoice
from ez.env.editors.find import Desktop

_SECONDS = 30
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9_.~:/?#@!$&'()*+,;=%\[\]-]+")


def open_editor(choice: EditorChoice, desktop: Desktop, alias: str, directory: str) -> str:
    """Open `directory` of the host `alias`, without waiting for the window; the empty string, or why it did not."""
    if not choice.launch:
        return choice.reason
    if not choice.program:
        return open_address(choice.editor.link(alias, directory), desktop)
    if runs_in_windows(choice, desktop) and choice.editor.kind == "code":
        return start(windows_command(choice, alias, directory), desktop.environment)
    return start((choice.program, *choice.editor.arguments(alias, directory)[1:]), desktop.environment)


def runs_in_windows(choice: EditorChoice, desktop: Desktop) -> bool:
    """Whether it is WSL's way to a program of Windows, which reads Windows' own OpenSSH configuration."""
    return bool(desktop.wsl) and choice.program.startswith("/mnt/")


def windows_command(choice: EditorChoice, alias: str, directory: str) -> tuple[str, ...]:
    """From WSL: the program of Windows itself, since its stand-in for Linux opens Linux's files.

    `cmd.exe` gives many characters a meaning of its own; an address has none of them.
    """
    address = f"vscode-remote://ssh-remote+{alias}{quote(directory)}"
    return ("cmd.exe", "/d", "/c", choice.editor.command, f"--folder-uri={address}")


def open_address(address: str, desktop: Desktop) -> str:
    """Have the desktop open an address: a web page, or a link of an editor. The empty string, or why it did not."""
    if not desktop.has_screen:
        return "this session has no screen"
    if not _ADDRESS.fullmatch(address):
        return "not an address that a desktop is given"
    trouble = ""
    for command in _openers(address, desktop):
        trouble = start(command, desktop.environment)
        if not trouble:
            return ""
    return trouble


def _openers(address: str, desktop: Desktop) -> list[tuple[str, ...]]:
    if desktop.system == "darwin":
        return [("open", address)]
    # `rundll32` takes the address as it is, where `start` of cmd.exe would read `&` as the next command.
    windows = ("rundll32.exe", "url.dll,FileProtocolHandler", address)
    if desktop.system == "win32":
        return [windows]
    return [windows, ("xdg-open", address)] if desktop.wsl else [("xdg-open", address)]


def start(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a program that shows something; the empty string once it has, or why it has not."""
    import shutil

    program = shutil.which(command[0], path=environment.get("PATH", ""))
    if program is None:
        return f"`{command[0]}` is not on PATH"
    try:
        process = subprocess.run(
            [program, *command[1:]],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if process.returncode == 0 else process.stderr.decode("utf-8", "replace").strip()[-300:] or "it failed"
