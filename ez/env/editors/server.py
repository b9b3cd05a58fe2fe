"""An editor's server, put in place inside before the editor asks for it, and the extensions in it."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import urlsplit

from ez.env.editors.release import Release
from ez.env.editors.table import Server
from ez.ssh.base import CommandHost

_FETCH_SECONDS = 600
_CONNECT_SECONDS = 8
_LARGEST = 1 << 30


@dataclass(frozen=True)
class Placed:
    """`program` is the server's, empty where there is none and `reason` says why; `fetched`: it was not there."""

    program: str = ""
    fetched: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Installed:
    """Extensions that were not there before, and those that are not there now with why."""

    ids: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def place_server(host: CommandHost, server: Server, release: Release, mirror: str = "") -> Placed:
    """Have the server for `release` inside: fetched there, or here where there is no way out. Never raises for a vendor
    that does not answer: the editor will then try by itself. `mirror` stands in for the vendor's host."""
    if not release.commit:
        return Placed(reason="this version of the editor does not tell its commit")
    if server.version and not release.version:
        return Placed(reason="this version of the editor does not tell its number")
    address = address_of(server, release, mirror)
    arguments = [server.home, release.commit, server.prefix, server.program]
    arguments.append(server.bin.replace("{commit}", release.commit))
    told = _ask(host, arguments, f"{address}\n".encode())
    if "server" not in told and "arch" in told:
        archive = _fetched(address.replace("{arch}", told["arch"]).replace("{machine}", told.get("machine", "")))
        if archive is not None:
            told = _ask(host, arguments, b"-\n" + archive)
    if "server" not in told:
        return Placed(reason=told.get("no-server", "it could not be looked for"))
    return Placed(f"{told['server']}/bin/{server.program}", told.get("state") == "fetched")


def _ask(host: CommandHost, arguments: Sequence[str], data: bytes) -> dict[str, str]:
    done = host.script(_script("server"), arguments, input=data, timeout=_FETCH_SECONDS, check=False)
    return _told(done.text)


def address_of(server: Server, release: Release, mirror: str = "") -> str:
    """Where the archive is; `{arch}` and `{machine}` stay, since only the environment knows them."""
    address = server.address.replace("{commit}", release.commit).replace("{version}", release.version)
    return mirror.rstrip("/") + urlsplit(address).path if mirror else address


def install_extensions(host: CommandHost, program: str, ids: Sequence[str]) -> Installed:
    """Have extensions with the server's own `--install-extension`; a failure of one says nothing of the others."""
    if not ids:
        return Installed()
    text = host.script(_script("extensions"), [program, *ids], timeout=_FETCH_SECONDS, check=False).text
    lines = [line.split(" ", 2) for line in text.splitlines()]
    failed = tuple((words[1], words[2] if len(words) > 2 else "") for words in lines if words[0] == "failed")
    return Installed(tuple(words[1] for words in lines if words[0] == "installed" and len(words) > 1), failed)


def _fetched(address: str) -> bytes | None:
    """The archive by this computer's own way out; None where that fails too."""
    try:
        with urllib.request.urlopen(address, timeout=_CONNECT_SECONDS) as reply:
            data = bytes(reply.read(_LARGEST))
    except (OSError, ValueError):
        return None
    return data


def _told(text: str) -> dict[str, str]:
    pairs = (line.partition(" ") for line in text.splitlines())
    return {key: value for key, _, value in pairs}


def _script(name: str) -> str:
    return files("ez.env.editors").joinpath("scripts", f"{name}.sh").read_text("utf-8")
