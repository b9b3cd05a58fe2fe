"""Volumes and named caches of an environment that go along with its work: whole, and only where one side changed.

Two sides are equal when names, kinds, modes, owners, sizes, times and link targets are. What they were when they were
equal last is noted at home, so that ez can tell who changed what.
"""

from __future__ import annotations

import json
import queue
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.resources import files

from ez.env.container import container_name
from ez.env.migrate.data_notes import Notes
from ez.errors import CommandError, ContainerError, EzError, Result
from ez.events import Progress, Sink
from ez.names import shown
from ez.ssh.host import Host
from ez.ssh.streams import Worker

STEP = "data"

_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_PRINT = re.compile(r"[0-9a-f]{64}")
_CACHES = ".cache/envd/data/"
_NOBODY = "4294967294"
"""An id that no file has."""

_AHEAD = 16
"""Pieces of a stream that wait in memory, of at most `ez.ssh.streams.CHUNK` bytes each."""

_WHY = {
    "link": "its directory is a link",
    "full": "the disk of {host} is full",
    "torn": "it changed while it was read",
    "changed": "it changed on {host} meanwhile",
    "no-root": "{host} has neither sudo without a password nor an image of the environment",
}


@dataclass(frozen=True)
class Piece:
    """A volume of the engine (`volume:NAME`), or a cache below the login user's home (`~/...`)."""

    name: str

    @property
    def volume(self) -> str:
        return self.name.removeprefix("volume:") if self.name.startswith("volume:") else ""


@dataclass(frozen=True)
class Brought:
    """`data` went along; `conflicts` changed on both sides, is in use or failed, `left` never goes, with the reason."""

    data: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __add__(self, other: Brought) -> Brought:
        return Brought(self.data + other.data, self.conflicts + other.conflicts, self.left + other.left)


@dataclass(frozen=True)
class _Seen:
    """`mark` is what it is, empty where nothing is there; `bytes` on its disk."""

    directory: str
    mark: str = ""
    bytes: int = 0
    risky: bool = False


def bring_data(source: Host, target: Host, env: str, notes: Notes, sink: Sink, *, dry_run: bool = False) -> Brought:
    """From `source`, where the environment has a container, to `target`. What is cut off leaves the target's as it was.

    Raises ContainerError where an engine is missing, LinkLostError when a connection drops.
    """
    pieces, brought = _pieces(source, env)
    if not pieces:
        return brought
    one, other = (_Place(host, env, host.run(["id", "-u"], timeout=30).text.strip()) for host in (source, target))
    if "0" in (one.login, other.login):
        # Root is root everywhere, and no login user.
        one, other = replace(one, login=_NOBODY), replace(other, login=_NOBODY)
    for piece in pieces:
        try:
            brought += _bring(one, other, piece, notes, sink, dry_run=dry_run)
        except _Refused as refused:
            brought += Brought(conflicts=(f"{piece.name}: {refused.message}",))
    return brought


class _Refused(EzError):
    """One piece stays where it is."""


@dataclass(frozen=True)
class _Place:
    """A computer with the environment `env`; `login` is the id of its login user, who counts as the same everywhere."""

    host: Host
    env: str
    login: str

    @property
    def key(self) -> str:
        """In notes."""
        return self.host.name if self.login != _NOBODY else f"{self.host.name} as root"

    def act(
        self,
        verb: str,
        directory: str,
        *arguments: str,
        input: Iterator[bytes] | None = None,
        output: Callable[[bytes], None] | None = None,
    ) -> Result:
        """Run `data.sh` as root. Raises _Refused for what it could not do."""
        scripts = files("ez.env.migrate").joinpath("scripts")
        program = scripts.joinpath("data.sh").read_text("utf-8")
        runner = scripts.joinpath("as-root.sh").read_text("utf-8")
        words = [self.env, program, verb, directory, self.login, *arguments]
        try:
            if output is not None:
                return self.host.pour(runner, words, output=output)
            return self.host.script(runner, words, input=input)
        except CommandError as error:
            lines = error.result.last_lines()
            said = next((line.split(" ")[1] for line in lines if line.startswith("ez-data ")), "")
            why = _WHY[said].format(host=self.host.name) if said in _WHY else shown(" ".join(lines[-2:]))
            raise _Refused(why) from error

    def look(self, piece: Piece) -> _Seen | None:
        """None where it is not there."""
        directory = self.directory(piece)
        if not directory or (not piece.volume and self.host.run(["test", "-d", directory], check=False).exit_code):
            return None
        told = dict(line.partition(" ")[::2] for line in self.act("look", directory).text.splitlines())
        mark, size = told.get("print", ""), told.get("bytes", "0")
        if "empty" not in told and not _PRINT.fullmatch(mark):
            raise _Refused(f"{self.host.name} does not say what it holds")
        return _Seen(directory, mark, int(size) if size.isdigit() else 0, "risky" in told)

    def directory(self, piece: Piece) -> str:
        """Empty for a volume that is not there."""
        if not piece.volume:
            return f"{_home(self.host)}/{piece.name.removeprefix('~/')}"
        asked = ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", piece.volume]
        result = self.host.run(asked, check=False, timeout=60)
        if result.exit_code == 0 and result.text.startswith("/"):
            return result.text.strip()
        if b"o such volume" in result.stderr:
            return ""
        raise _no_engine(self.host, result)

    def make(self, piece: Piece) -> _Seen:
        """An empty one."""
        if piece.volume:
            self.host.run(["docker", "volume", "create", piece.volume], timeout=60)
        else:
            self.host.run(["mkdir", "-p", "--", self.directory(piece)], timeout=30)
        return _Seen(self.directory(piece))

    def user(self, directory: str) -> str:
        """A running container that has it mounted."""
        ids = self.host.run(["docker", "container", "ls", "--quiet"], timeout=60).text.split()
        if not ids:
            return ""
        form = "{{.Name}}{{range .Mounts}}\t{{.Source}}{{end}}"
        asked = ["docker", "container", "inspect", "--format", form, *ids]
        lines = (line.split("\t") for line in self.host.run(asked, check=False, timeout=60).text.splitlines())
        return next((line[0].lstrip("/") for line in lines if directory in line[1:]), "")


def _pieces(host: Host, env: str) -> tuple[list[Piece], Brought]:
    """What the environment's container has mounted, by what its engine says."""
    asked = ["docker", "container", "inspect", "--format", "{{json .Mounts}}", container_name(env)]
    result = host.run(asked, check=False, timeout=60)
    if result.exit_code:
        if b"o such container" in result.stderr or b"o such object" in result.stderr:
            return [], Brought(left=(f"data: `{env}` has no container on {host.name} that could have some",))
        raise _no_engine(host, result)
    home = _home(host)
    pieces, left = set(), []
    for mount in json.loads(result.text):
        kind, source, name = (str(mount.get(key, "")) for key in ("Type", "Source", "Name"))
        below = source.removeprefix(f"{home}/")
        if kind == "volume" and _VOLUME.fullmatch(name) and not _ANONYMOUS.fullmatch(name):
            if _is_plain(host, name):
                pieces.add(Piece(f"volume:{name}"))
            else:
                left.append(f"volume:{name}: it is not on the computer's own disk")
        elif kind == "bind" and below.startswith(_CACHES) and ".." not in below.split("/") and below.isprintable():
            pieces.add(Piece(f"~/{below}"))
    return sorted(pieces, key=lambda piece: piece.name), Brought(left=tuple(left))


def _is_plain(host: Host, volume: str) -> bool:
    asked = ["docker", "volume", "inspect", "--format", "{{.Driver}} {{len .Options}}", volume]
    return host.run(asked, timeout=60).text.split() == ["local", "0"]


def _bring(source: _Place, target: _Place, piece: Piece, notes: Notes, sink: Sink, *, dry_run: bool) -> Brought:
    mine = source.look(piece)
    if mine is None or not mine.mark:
        return Brought()
    theirs = target.look(piece)
    there, known = theirs.mark if theirs else "", notes.read(piece.name)
    same = {source.key: mine.mark, target.key: mine.mark}
    if mine.mark == there:
        notes.write(piece.name, same)
        return Brought()
    if there and known.get(source.key) == mine.mark:
        return Brought()  # Only the target's is new.
    if there and known.get(target.key) != there:
        return Brought(conflicts=(f"{piece.name}: it changed on both",))
    if mine.risky and target.host.is_local:
        return Brought(left=(f"{piece.name}: it has devices, or programs that run as somebody else",))
    if dry_run:
        return Brought(data=(piece.name,))
    place = theirs or target.make(piece)
    if user := target.user(place.directory):
        return Brought(conflicts=(f"{piece.name}: `{user}` uses it on {target.host.name}",))
    _stream(source, target, mine, place.directory, sink)
    target.act("commit", place.directory, mine.mark, there)
    notes.write(piece.name, same)
    return Brought(data=(piece.name,))


def _stream(source: _Place, target: _Place, mine: _Seen, directory: str, sink: Sink) -> None:
    """Past this computer, of which it takes little memory and no disk."""
    pieces: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
    total = 0
    arguments = [str(mine.bytes), source.login]
    receiving = Worker(lambda: target.act("receive", directory, *arguments, input=iter(pieces.get, None)))

    def offer(piece: bytes | None) -> None:
        while receiving.is_alive():
            try:
                return pieces.put(piece, timeout=1)
            except queue.Full:
                continue
        receiving.result()
        raise _Refused(f"{target.host.name} took only a part of it")

    def pass_on(piece: bytes) -> None:
        nonlocal total
        offer(piece)
        total += len(piece)
        sink(Progress(STEP, total, 0))

    try:
        source.act("send", mine.directory, output=pass_on)
    finally:
        # A part that ends here does not pass for the whole: it would have another print.
        with suppress(EzError):
            offer(None)
        receiving.join()
    receiving.result()


def _home(host: Host) -> str:
    return host.run(["sh", "-c", "cd && pwd -P"], timeout=30).text.strip()


def _no_engine(host: Host, result: Result) -> EzError:
    said = shown(" ".join(result.last_lines(2)))
    return ContainerError(f"the engine of `{host.name}` cannot be asked: {said}", f"ez doctor {host.name}")
