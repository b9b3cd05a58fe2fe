"""Where secrets could have got to: process lists while something runs, and what it leaves behind."""

from __future__ import annotations

import base64
import gzip
import os
import re
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.integration.places import Place
from tests.testbed import TestComputer
from tests.testbed.shell import run

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SECONDS_BETWEEN_LOOKS = 0.05
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_GZIP_IN_TEXT = re.compile(rb"H4sI[A-Za-z0-9+/=]{20,}")


@dataclass(frozen=True)
class Canaries:
    """Secrets by a name for each. They are searched for as they are, as HTTP's basic credentials of `user`, and in what
    is packed with gzip or zstd, and in gzip also where that is text again."""

    values: Mapping[str, str]
    user: str = ""

    @property
    def forms(self) -> dict[str, str]:
        """From what would be seen to the secret's name."""
        found = {value: name for name, value in self.values.items()}
        logins = {name: f"{self.user}:{value}".encode() for name, value in self.values.items()}
        return found | {base64.b64encode(login).decode(): name for name, login in logins.items()}

    def found_in(self, content: bytes | str) -> set[str]:
        data = unpacked(content if isinstance(content, bytes) else content.encode(errors="surrogateescape"))
        parts = [data, *(unpacked(base64.b64decode(_whole(text))) for text in _GZIP_IN_TEXT.findall(data))]
        return {name for form, name in self.forms.items() if any(form.encode() in part for part in parts)}


def unpacked(content: bytes) -> bytes:
    """What a gzip or zstd file holds; others as they are."""
    if content.startswith(_GZIP):
        with suppress(OSError, EOFError):
            return gzip.decompress(content)
    if content.startswith(_ZSTD):
        with suppress(zstd.ZstdError):
            return zstd.decompress(content)
    return content


def _whole(text: bytes) -> bytes:
    return text[: len(text) // 4 * 4]


@dataclass(frozen=True)
class Seen:
    """A secret in the process list: `where` is the name of the computer, `what` is `arguments` or `variables`."""

    secret: str
    what: str
    where: str
    command: str


@dataclass
class Watch:
    """Looks at the process lists of this computer and of `place` until the block ends, except at build containers."""

    canaries: Canaries
    place: Place
    seen: set[Seen] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)
    _known: set[tuple[str, bytes]] = field(default_factory=set)

    def __enter__(self) -> Watch:
        self._lists = {os.readlink("/proc/self/ns/pid"): "local"}
        if self.place.computer is not None:
            self._lists[os.readlink(f"/proc/{first_process(self.place.computer)}/ns/pid")] = self.place.name
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        """The processes of the testbed's computers are also this computer's."""
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            for process in os.listdir("/proc"):
                if process.isdigit():
                    with suppress(OSError):
                        self._look(Path("/proc", process))

    def _look(self, process: Path) -> None:
        arguments = (process / "cmdline").read_bytes()
        if (process.name, arguments) in self._known:
            return
        self._known.add((process.name, arguments))
        where = self._lists.get(os.readlink(process / "ns" / "pid"))
        if where is None:
            return
        variables = (process / "environ").read_bytes()
        command = arguments.replace(b"\0", b" ").decode(errors="replace").strip()
        for what, content in (("arguments", arguments), ("variables", variables)):
            self.seen |= {Seen(name, what, where, command) for name in self.canaries.found_in(content)}


def in_files(canaries: Canaries, folder: Path, since: float) -> set[tuple[str, str]]:
    """(secret, path) for files of this computer that changed since then (Unix seconds)."""
    found = set()
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with suppress(OSError):
                if stat.S_ISREG((status := path.lstat()).st_mode) and status.st_ctime >= since:
                    found |= {(name, str(path)) for name in canaries.found_in(path.read_bytes())}
    return found


def on_engine(canaries: Canaries, place: Place, folders: str, since: float) -> set[tuple[str, str]]:
    """(secret, path) for files below `folders`, shell words, of the engine's computer; `journal` for what it logged.

    Layers of images are not unpacked: see `in_image`.
    """
    forms = canaries.forms
    script = f"""
        umask 077; list=$(mktemp -p /dev/shm); trap 'rm -f "$list"' EXIT
        cat >"$list"
        find {folders} -xdev -newerct @{since} -type f -print0 2>/dev/null |
            xargs -0 -r grep -HaoF -f "$list" 2>/dev/null
        if [ -d /run/systemd/system ]; then journalctl --no-pager -q --since @{int(since)}
        else cat /var/lib/ez-engine/dockerd.log; fi | grep -aoF -f "$list" | sed 's/^/journal:/'
    """
    given = "".join(f"{form}\n" for form in forms)
    if place.computer is None:
        done = run("sh", "-c", script, stdin=given, check=False)
    else:
        done = place.computer.exec(script, stdin=given, check=False)
    lines = (line.rpartition(":") for line in done.stdout.splitlines())
    return {(forms[form], path) for path, _, form in lines}


def in_image(canaries: Canaries, place: Place, reference: str) -> set[str]:
    """The secrets in the layers of an image, its configuration and its history."""
    docker = ("docker", "--host", f"unix://{engine_socket(place)}")
    shown = [run(*docker, *words, reference).stdout for words in (("history", "--no-trunc"), ("image", "inspect"))]
    with tempfile.TemporaryFile() as file:
        subprocess.run([*docker, "save", reference], stdout=file, check=True, timeout=120)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            return canaries.found_in("".join(shown)).union(*(canaries.found_in(each) for each in _members(archive)))


def _members(archive: tarfile.TarFile) -> Iterator[bytes]:
    for member in archive:
        if (file := archive.extractfile(member)) is not None:
            yield file.read()


def engine_socket(place: Place) -> Path:
    """The engine's socket, for the testbed's computers as a file of this one."""
    if place.computer is None:
        return Path("/var/run/docker.sock")
    return Path(f"/proc/{first_process(place.computer)}/root/run/docker.sock")


def first_process(computer: TestComputer) -> str:
    """The number that it has on this computer."""
    return run("docker", "inspect", "--format", "{{.State.Pid}}", computer.container).stdout.strip()
