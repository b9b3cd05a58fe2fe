"""Editors that open a directory of an SSH host, and how each is told to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ez.errors import UsageError


@dataclass(frozen=True)
class Editor:
    """An editor of the VS Code family: `command` is its program, `scheme` its URL scheme."""

    id: str
    title: str
    command: str
    scheme: str

    def arguments(self, alias: str, directory: str) -> tuple[str, ...]:
        """The command line that opens `directory` (absolute) on the SSH host `alias`."""
        return (self.command, "--remote", f"ssh-remote+{alias}", directory)

    def link(self, alias: str, directory: str) -> str:
        return f"{self.scheme}://vscode-remote/ssh-remote+{alias}{quote(directory)}?windowId=_blank"


EDITORS = {
    editor.id: editor
    for editor in (
        Editor("code", "VS Code", "code", "vscode"),
        Editor("code-insiders", "VS Code Insiders", "code-insiders", "vscode-insiders"),
        Editor("cursor", "Cursor", "cursor", "cursor"),
        Editor("codium", "VSCodium", "codium", "vscodium"),
    )
}
CHOICES = ("auto", "none", *EDITORS)


@dataclass(frozen=True)
class EditorChoice:
    """The editor to use and whether to start it now; `reason` says why not, in words for a person."""

    editor: Editor
    launch: bool
    reason: str = ""


def choose(wanted: str, environment: Mapping[str, str]) -> EditorChoice:
    """Pick an editor. A missing editor is no error: its command and link are shown instead.

    Raises UsageError for a name that is not in `CHOICES`.
    """
    if wanted not in CHOICES:
        raise UsageError(f"unknown editor: `{wanted}`", f"choose one of {', '.join(CHOICES)}")
    path = environment.get("PATH", "")
    if wanted in EDITORS:
        candidates = [EDITORS[wanted]]
    else:
        candidates = [editor for editor in EDITORS.values() if shutil.which(editor.command, path=path)]
    if wanted == "none":
        return EditorChoice(EDITORS["code"], False, "no editor was asked for")
    if not candidates or not shutil.which(candidates[0].command, path=path):
        editor = candidates[0] if candidates else EDITORS["code"]
        return EditorChoice(editor, False, f"{editor.title} is not installed on this computer")
    if wanted == "auto" and not _has_screen(environment):
        return EditorChoice(candidates[0], False, "this session has no screen")
    return EditorChoice(candidates[0], True)


def _has_screen(environment: Mapping[str, str]) -> bool:
    if environment.get("VSCODE_IPC_HOOK_CLI") or environment.get("SSH_CONNECTION"):
        return False
    import sys

    return sys.platform in ("darwin", "win32") or bool(
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") or environment.get("WSL_DISTRO_NAME")
    )


def launch(arguments: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Start the editor without waiting for its window; the empty string, or why it could not be started."""
    program = shutil.which(arguments[0], path=environment.get("PATH", ""))
    if program is None:
        return f"`{arguments[0]}` is not on PATH"
    try:
        process = subprocess.run(
            [program, *arguments[1:]],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if process.returncode == 0 else process.stderr.decode("utf-8", "replace").strip()[-300:]
