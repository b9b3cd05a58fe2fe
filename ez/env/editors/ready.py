"""Make an environment ready for the editor that is about to open it: its server, and the extensions in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from ez.env.editors.extensions import wanted_extensions
from ez.env.editors.server import Installed, install_extensions, place_server
from ez.env.editors.table import Server
from ez.ssh.base import CommandHost

NOTE = ".ez-ready"
_WRITE = """\
# Note what an editor was made ready with. $1: a file below the home. $2: the note.
mkdir -p "$HOME/${1%/*}" && printf '%s\\n' "$2" >"$HOME/$1"
"""


@dataclass(frozen=True)
class Made:
    """What was done: `fetched` a server, extensions installed, and words for a person about what was not."""

    fetched: bool = False
    installed: Installed = field(default_factory=Installed)
    notices: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.fetched or bool(self.installed.ids)


def make_ready(
    host: CommandHost, server: Server, commit: str, workdir: str, own: Sequence[str], mirror: str = ""
) -> Made:
    """One round trip where all is there already. What cannot be had is told, and the editor is opened all the same."""
    note = f"{server.home}/{NOTE}"
    wanted = wanted_extensions(host, workdir, own, note)
    notices = [f"not an extension's name, and not installed: `{_plain(name)}`" for name in wanted.refused[:3]]
    digest = hashlib.sha256("\n".join([commit, *wanted.ids]).encode()).hexdigest()
    if wanted.note == digest:
        return Made(notices=tuple(notices))
    placed = place_server(host, server, commit, mirror)
    if not placed.program:
        what = f", and these extensions by hand: {', '.join(wanted.ids)}" if wanted.ids else ""
        return Made(notices=(*notices, f"the editor will have to fetch its server by itself{what} ({placed.reason})"))
    installed = install_extensions(host, placed.program, wanted.ids)
    if installed.failed:
        told = "; ".join(f"{id}: {_plain(why)}" for id, why in installed.failed[:5])
        notices.append(f"extensions that could not be installed: {told}")
    else:
        host.script(_WRITE, [note, digest], timeout=30)
    return Made(placed.fetched, installed, tuple(notices))


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:200])
