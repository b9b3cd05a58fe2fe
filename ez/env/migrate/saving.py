"""Work that would go with a machine: found, and saved on this computer as Git bundles."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ez.env.migrate.bases import look
from ez.env.migrate.plan import check_path
from ez.env.migrate.side import Side
from ez.errors import LinkLostError
from ez.events import Sink
from ez.ssh.host import Host

_AT_ONCE = 16 << 20


@dataclass(frozen=True)
class Saved:
    """A bundle at `path`. `changes` are files that differ from the commit below them, `commits` those that are on no
    remote; `module` is a submodule's path, empty for the repo itself."""

    environment: str
    path: str
    changes: int
    commits: int
    module: str = ""


def save_work(host: Host, env: str, folder: Path, sink: Sink) -> tuple[Saved, ...]:
    """Bundles of what is nowhere else, one for the repo and for each submodule that has such work.

    Raises SourceError where it cannot be read, LinkLostError when the connection drops.
    """
    return _save(Side(host, env), f"{host.name}.{env}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}", folder, sink)


def _save(side: Side, name: str, folder: Path, sink: Sink) -> tuple[Saved, ...]:
    seen = look(side, "none", (), sink)
    if not seen.here:
        return ()
    reply = side.call("save", [], {}, sink)
    saved = []
    if "size" in reply.values:
        path = _fetch(side, int(reply.value("size")), folder, name)
        saved.append(Saved(side.env, str(path), int(reply.value("changes")), int(reply.value("commits")), side.sub))
    for module in seen.modules:
        check_path(module)
        below = side.below(module, "")
        saved += _save(below, f"{name}.{'.'.join(_plain(part) for part in below.sub.split('/'))}", folder, sink)
    return tuple(saved)


def _plain(part: str) -> str:
    return "".join(mark if mark.isalnum() and mark.isascii() else "-" for mark in part)[:40]


def _fetch(side: Side, size: int, folder: Path, name: str) -> Path:
    """The bundle as a file that appears whole."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh, path = folder / f".{name}.new", folder / f"{name}.bundle"
    with fresh.open("wb") as file:
        while file.tell() < size:
            part = side.plain("send", [str(file.tell()), str(_AT_ONCE)], {}).stdout
            if not part:
                raise LinkLostError(f"the work on {side.name} broke off", "run the same line again")
            file.write(part)
    fresh.chmod(0o600)
    return fresh.replace(path)
