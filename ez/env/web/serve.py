"""Have what is opened in the browser run inside: the web editor or Jupyter Lab, each at a unix socket of its own.

No port is opened, not even inside: the socket is for the environment's user alone, and OpenSSH brings it here.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from urllib.parse import quote

from ez.env.editors.table import IN_BROWSER
from ez.errors import ContainerError
from ez.ssh.base import CommandHost

LAB = "jupyterlab>=4,<5"
EDITOR_VERSION = "4.139.1"
"""Of code-server, as `npm/package-lock.json` has it."""

NODE_MAJOR = "24"
"""Of Node.js, which that version needs; `npm/node.txt` has one."""

_SECONDS = 900


@dataclass(frozen=True)
class Served:
    """`socket` is a path inside. `headers` go with each request there, `start` is the page to begin with; `was_there`:
    it ran before. `program` takes the web editor's own command line, empty for others."""

    kind: str
    socket: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    start: str = "/"
    was_there: bool = False
    program: str = ""


@dataclass(frozen=True)
class Sources:
    """Mirrors of where the web editor comes from (`npm_registry`) and its extensions (`open_vsx`), empty for none."""

    npm_registry: str = ""
    open_vsx: str = ""


def serve(
    host: CommandHost, kind: str, environment: str, workdir: str, sources: Sources, tell: Callable[[str], None]
) -> Served:
    """Have it run, installed where it is not; `kind` is one of `IN_BROWSER`. `tell` gets words for what takes long.
    Raises ContainerError."""

    def on_line(line: str) -> None:
        word, _, doing = line.strip().partition(" ")
        if word == "doing":
            tell(doing)

    arguments, data = _request(kind, workdir, sources)
    done = host.script(_script(kind), arguments, input=data, timeout=_SECONDS, check=False, on_line=on_line)
    told = {key: value for key, _, value in (line.partition(" ") for line in done.text.splitlines())}
    if "socket" not in told:
        ended = f"no-way it ended with exit code {done.exit_code} {' '.join(done.last_lines(2))}"
        raise _trouble(kind, environment, told.get("trouble", ended))
    headers = (("Authorization", f"token {told['token']}"),) if told.get("token") else ()
    start = "/lab" if kind == "jupyter" else f"/?folder={quote(workdir)}"
    return Served(kind, told["socket"], headers, start, told.get("state") == "here", told.get("program", ""))


def _request(kind: str, workdir: str, sources: Sources) -> tuple[list[str], bytes]:
    if kind == "jupyter":
        return [workdir, LAB], b""
    return [workdir, EDITOR_VERSION, NODE_MAJOR], package(sources)


def package(sources: Sources) -> bytes:
    """What the web editor is installed from, as a tar archive. Mirrors are in it and no arguments, since an address
    may have a password."""
    folder = files("ez.env.web").joinpath("npm")
    members = {name: folder.joinpath(name).read_bytes() for name in ("package.json", "package-lock.json", "node.txt")}
    members["registry"] = sources.npm_registry.encode()
    members["gallery.json"] = _gallery(sources.open_vsx.rstrip("/")).encode() if sources.open_vsx else b""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _gallery(mirror: str) -> str:
    """What code-server takes as `EXTENSIONS_GALLERY`; the paths are those of open-vsx.org."""
    parts = "{publisher}/{name}/{version}/{path}"
    addresses = {
        "serviceUrl": f"{mirror}/vscode/gallery",
        "itemUrl": f"{mirror}/vscode/item",
        "resourceUrlTemplate": f"{mirror}/vscode/unpkg/{parts}",
    }
    return json.dumps(addresses)


_HINTS = {
    "no-python": "add `install.python()` to build.envd",
    "no-node": "add `install.python()` or `install.nodejs()` to build.envd",
    "no-install": "set network.pip_index or network.https_proxy if this network needs it",
}


def _trouble(kind: str, environment: str, told: str) -> ContainerError:
    word, _, detail = told.partition(" ")
    what = f"{IN_BROWSER[kind]} could not be had in `{environment}`"
    shown = "".join(character if character.isprintable() else "?" for character in detail).strip()
    return ContainerError(f"{what}: {shown or word}", _HINTS.get(word, f"ez env exec {environment} -- df -h ."))


def _script(kind: str) -> str:
    name = {"jupyter": "jupyter", "web": "editor"}[kind]
    return files("ez.env.web").joinpath("scripts", f"{name}.sh").read_text("utf-8")
