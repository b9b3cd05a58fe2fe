"""Editors that open a directory of an SSH host: a row each, with all that is particular to it.

Sources: programs and links of the VS Code family; addresses and places of servers as the remote extensions of each
have them in their logs (Exafunction/codeium issue 151, cursor/cursor issues 3201 and 2731, jeanp413/open-remote-ssh and
what Positron made of it); Zed's and JetBrains' own documents for theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

Kind = Literal["code", "zed", "gateway"]


@dataclass(frozen=True)
class Server:
    """What an editor of the VS Code family runs inside: `home` below the user's, `program` in its `bin`, the `prefix`
    of its directory's name, the `mirror` setting and the `address` it comes from, with `{commit}`, `{arch}`,
    `{machine}` and `{version}`: what the members `version` of the editor's product.json say, with `joint` between.
    The editor's remote extension looks at the place `bin` too."""

    home: str
    program: str
    prefix: str
    mirror: str
    address: str
    version: tuple[str, ...] = ()
    joint: str = "."
    bin: str = "bin/{commit}"


@dataclass(frozen=True)
class Editor:
    """An editor. `command` is its program, `scheme` that of its links, `folder` its directory among Windows' programs,
    `bundle` its name among a Mac's applications. `server` is None where ez puts nothing in place for it."""

    id: str
    title: str
    command: str
    scheme: str
    kind: Kind = "code"
    bundle: str = ""
    folder: str = ""
    server: Server | None = None

    def arguments(self, alias: str, directory: str) -> tuple[str, ...]:
        """The command line that opens `directory` (absolute) on the SSH host `alias`; empty for a mere link."""
        if self.kind == "gateway":
            return ()
        if self.kind == "zed":
            return (self.command, f"ssh://{alias}{quote(directory)}")
        return (self.command, "--remote", f"ssh-remote+{alias}", directory)

    def link(self, alias: str, directory: str, user: str = "") -> str:
        """The address that makes a desktop open it; `user` is who logs in."""
        if self.kind == "zed":
            return f"zed://ssh/{alias}{quote(directory)}"
        if self.kind == "gateway":
            fields = {"type": "ssh", "deploy": "true", "host": alias, "port": "22"}
            fields |= {"user": user or "envd", "projectPath": directory}
            return f"jetbrains-gateway://connect#{urlencode(fields, quote_via=quote)}"
        return f"{self.scheme}://vscode-remote/ssh-remote+{alias}{quote(directory)}?windowId=_blank"


_CODE = "https://update.code.visualstudio.com/commit:{commit}/server-linux-{arch}"
_CURSOR = "https://downloads.cursor.com/production/{commit}/linux/{arch}/cursor-reh-linux-{arch}.tar.gz"
_WINDSURF = "https://windsurf-stable.codeiumdata.com/linux-reh-{arch}/stable/{commit}/windsurf-reh-linux-{arch}-{version}.tar.gz"
_CODIUM = "https://github.com/VSCodium/vscodium/releases/download/{version}/vscodium-reh-linux-{arch}-{version}.tar.gz"
_POSITRON = "https://cdn.posit.co/positron/releases/reh/{machine}/positron-reh-linux-{arch}-{version}.tar.gz"

EDITORS = {
    editor.id: editor
    for editor in (
        Editor(
            "code",
            "VS Code",
            "code",
            "vscode",
            bundle="Visual Studio Code.app",
            folder="Microsoft VS Code",
            server=Server(".vscode-server", "code-server", "Stable", "vscode", f"{_CODE}/stable"),
        ),
        Editor(
            "code-insiders",
            "VS Code Insiders",
            "code-insiders",
            "vscode-insiders",
            bundle="Visual Studio Code - Insiders.app",
            folder="Microsoft VS Code Insiders",
            server=Server(".vscode-server-insiders", "code-server-insiders", "Insiders", "vscode", f"{_CODE}/insider"),
        ),
        Editor(
            "cursor",
            "Cursor",
            "cursor",
            "cursor",
            bundle="Cursor.app",
            folder="cursor",
            server=Server(
                ".cursor-server", "cursor-server", "Stable", "cursor", _CURSOR, bin="bin/linux-{arch}/{commit}"
            ),
        ),
        Editor(
            "windsurf",
            "Windsurf",
            "windsurf",
            "windsurf",
            bundle="Windsurf.app",
            folder="Windsurf",
            server=Server(".windsurf-server", "windsurf-server", "Stable", "windsurf", _WINDSURF, ("windsurfVersion",)),
        ),
        Editor(
            "codium",
            "VSCodium",
            "codium",
            "vscodium",
            bundle="VSCodium.app",
            folder="VSCodium",
            # Its releases have the number of the day in their version since 1.99, and beside it before.
            server=Server(".vscodium-server", "codium-server", "Stable", "codium", _CODIUM, ("version", "release")),
        ),
        Editor(
            "positron",
            "Positron",
            "positron",
            "positron",
            bundle="Positron.app",
            folder="Positron",
            server=Server(
                *(".positron-server", "positron-server", "Stable", "positron", _POSITRON),
                ("positronVersion", "positronBuildNumber"),
                "-",
            ),
        ),
        Editor("zed", "Zed", "zed", "zed", kind="zed", bundle="Zed.app", folder="Zed"),
        Editor("gateway", "JetBrains Gateway", "", "jetbrains-gateway", kind="gateway"),
    )
}
IN_BROWSER = {"jupyter": "Jupyter Lab", "web": "the web editor"}
"""What is served inside and opened in the browser: names for `--ide`, and what a person calls each."""

CHOICES = ("auto", "none", *EDITORS, *IN_BROWSER)
