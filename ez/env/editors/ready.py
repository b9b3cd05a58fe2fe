"""Make an environment ready for the editor that is about to open it: its server, the extensions in it, settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ez.env.editors import devcontainer, settings
from ez.env.editors.extensions import wanted_extensions
from ez.env.editors.release import Release
from ez.env.editors.server import Installed, Placed, install_extensions, place_server
from ez.env.editors.table import Server
from ez.ssh.base import CommandHost

NOTE = ".ez-ready"
_WRITE = """\
# Note what an editor was made ready with. $1: a file below the home. $2: the note.
mkdir -p "$HOME/${1%/*}" && printf '%s\\n' "$2" >"$HOME/$1"
"""


@dataclass(frozen=True)
class Target:
    """What is made ready: `home` is its directory below the user's, `machine` that of its machine settings, and
    `version` another one for each that starts anew. `place` has its program there, called once where that is needed."""

    home: str
    machine: str
    version: str
    place: Callable[[], Placed]


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
    host: CommandHost, server: Server, release: Release, workdir: str, own: Sequence[str], mirror: str = ""
) -> Made:
    """For an editor of the VS Code family."""
    machine = f"{server.home}/data/Machine"
    target = Target(server.home, machine, release.commit, lambda: place_server(host, server, release, mirror))
    return equip(host, target, workdir, own)


def equip(host: CommandHost, target: Target, workdir: str, own: Sequence[str]) -> Made:
    """One round trip where all is there already. What cannot be had is told, and the editor is opened all the same."""
    note = f"{target.home}/{NOTE}"
    noted, asked = devcontainer.read(host, workdir, note)
    wanted, fitting = wanted_extensions(asked.extensions, own), settings.fitting(asked.settings)
    notices = [f"not an extension's name, and not installed: `{_plain(name)}`" for name in wanted.refused[:3]]
    notices += [*fitting.notices, *([asked.trouble] if asked.trouble else [])]
    text = "\n".join([target.version, *wanted.ids, json.dumps(fitting.settings)])
    digest = hashlib.sha256(text.encode()).hexdigest()
    if noted == digest:
        return Made(notices=tuple(notices))
    trouble = settings.apply(host, target.machine, fitting.settings)
    notices += [trouble] if trouble else []
    placed = target.place()
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
