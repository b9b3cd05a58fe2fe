"""Where an editor's program is on this computer: on PATH, or in the places that installers of each system use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ez.env.editors.table import Editor

WSL_KERNEL = Path("/proc/version")
_LINUX_PLACES = ("/usr/local/bin", "/snap/bin", "/usr/share/code/bin", "/var/lib/flatpak/exports/bin")


@dataclass(frozen=True)
class Desktop:
    """What a search needs to know of this computer: its variables, `system` as `sys.platform` has it, and `root`, below
    which its files are. `wsl` is the name of the distribution inside Windows, empty elsewhere."""

    environment: Mapping[str, str]
    system: str = "linux"
    root: Path = Path("/")
    wsl: str = ""

    @property
    def has_screen(self) -> bool:
        """Whether a window that opens is before the person's eyes."""
        if self.environment.get("VSCODE_IPC_HOOK_CLI") or self.environment.get("SSH_CONNECTION"):
            return False
        return (
            self.system in ("darwin", "win32")
            or bool(self.wsl)
            or any(self.environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        )

    def below_root(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def desktop_of(environment: Mapping[str, str], system: str) -> Desktop:
    """This computer. WSL tells itself by a variable, or by its kernel where that was taken away."""
    distribution = environment.get("WSL_DISTRO_NAME", "")
    if system == "linux" and not distribution:
        try:
            is_wsl = "microsoft" in WSL_KERNEL.read_text(errors="replace").lower()
        except OSError:
            is_wsl = False
        # The default one: `wsl.exe` without `-d`.
        distribution = "-" if is_wsl and "WSL_INTEROP" in environment else ""
    return Desktop(environment, system, wsl=distribution)


def find(editor: Editor, desktop: Desktop) -> str | None:
    """The program's path, None where it is not installed or is only a link's target."""
    if not editor.command:
        return None
    found = shutil.which(editor.command, path=_path(desktop))
    if found:
        return found
    return next((str(path) for path in _places(editor, desktop) if os.access(path, os.X_OK)), None)


def _path(desktop: Desktop) -> str:
    """PATH without what VS Code's own terminals put there: it opens files in that window, and no other host."""
    words = desktop.environment.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(word for word in words if "remote-cli" not in PurePosixPath(word).parts)


def _places(editor: Editor, desktop: Desktop) -> list[Path]:
    environment = desktop.environment
    if desktop.system == "darwin":
        inner = f"{editor.bundle}/Contents/MacOS/cli" if editor.kind == "zed" else _MAC.format(editor=editor)
        home = environment.get("HOME", "")
        return [desktop.below_root(f"/Applications/{inner}"), desktop.below_root(f"{home}/Applications/{inner}")]
    if desktop.system == "win32":
        # `Programs` of the person, then those for everybody.
        tops = [f"{environment.get('LOCALAPPDATA', '')}/Programs", environment.get("ProgramFiles", "")]
        return [Path(top, editor.folder, "bin", f"{editor.command}.cmd") for top in tops if top != "/Programs" and top]
    return [desktop.below_root(f"{place}/{editor.command}") for place in _LINUX_PLACES]


_MAC = "{editor.bundle}/Contents/Resources/app/bin/{editor.command}"
