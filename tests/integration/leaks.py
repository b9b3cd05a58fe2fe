"""Where secrets could have got to: process lists while something runs, and what it leaves behind."""

from __future__ import annotations

import base64
import gzip
import io
import os
import stat
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.integration.places import Place
from tests.testbed import TestComputer
from tests.testbed.shell import run

_SECONDS_BETWEEN_LOOKS = 0.05
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Canaries:
    """Secrets by a name for each. What is searched for are its `forms`: as it is, and as HTTP's basic credentials."""

    values: Mapping[str, str]
    user: str

    @property
    def forms(self) -> dict[str, str]:
        """From what would be seen to the secret's name."""
        found = {value: name for name, value in self.values.items()}
        for name, value in self.values.items():
            found[base64.b64encode(f"{self.user}:{value}".encode()).decode()] = name
        return found

    def in_bytes(self, content: bytes) -> set[str]:
        return {name for form, name in self.forms.items() if form.encode() in content}

    def in_text(self, text: str) -> set[str]:
        return self.in_bytes(text.encode(errors="surrogateescape"))


@dataclass
class Watch:
    """Looks at the process lists of this computer, which has those of the testbed's in it, until the block ends.

    `seen` are (secret, `arguments` or `variables`, command line). What runs in a container of a build is left out:
    these are neither in this computer's process list nor in that of `place`.
    """

    canaries: Canaries
    place: Place
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    looks: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _known: set[tuple[str, bytes]] = field(default_factory=set)

    def __enter__(self) -> Watch:
        first = ["self"] if self.place.computer is None else ["self", first_process(self.place.computer)]
        self._lists = {os.readlink(f"/proc/{process}/ns/pid") for process in first}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            self.looks += 1
            for process in os.listdir("/proc"):
                if process.isdigit():
                    with suppress(OSError):
                        self._look(process)

    def _look(self, process: str) -> None:
        arguments = Path(f"/proc/{process}/cmdline").read_bytes()
        if (process, arguments) in self._known or os.readlink(f"/proc/{process}/ns/pid") not in self._lists:
            return
        self._known.add((process, arguments))
        variables = Path(f"/proc/{process}/environ").read_bytes()
        shown = arguments.replace(b"\0", b" ").decode(errors="replace").strip()
        for kind, content in (("arguments", arguments), ("variables", variables)):
            self.seen |= {(name, kind, shown) for name in self.canaries.in_bytes(content)}


def in_files(canaries: Canaries, folders: Iterable[Path], since: float) -> set[tuple[str, str]]:
    """(secret, path) for files of this computer that changed since then (Unix seconds)."""
    found = set()
    for folder in folders:
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names):
                with suppress(OSError):
                    if stat.S_ISREG((status := path.lstat()).st_mode) and status.st_ctime >= since:
                        found |= {(name, str(path)) for name in canaries.in_bytes(unpacked(path.read_bytes()))}
    return found


def on_engine(canaries: Canaries, place: Place, folders: Iterable[str], since: float) -> set[tuple[str, str]]:
    """(secret, path) for files below `folders` of the engine's computer, and `journal` for what its log says."""
    forms = canaries.forms
    script = f"""
        umask 077; list=$(mktemp -p /dev/shm); trap 'rm -f "$list"' EXIT
        printf '%s\\n' {" ".join(forms)} >"$list"
        find {" ".join(folders)} -xdev -newerct @{since} -type f -print0 2>/dev/null |
            xargs -0 -r grep -HaoF -f "$list" || true
        if [ -d /run/systemd/system ]; then journalctl --no-pager -q --since @{int(since)}
        else cat /var/lib/ez-engine/dockerd.log; fi | grep -aoF -f "$list" | sed 's/^/journal:/' || true
    """
    lines = (line.rpartition(":") for line in place.root(script).splitlines())
    return {(forms[form], path) for path, _, form in lines}


def in_image(canaries: Canaries, place: Place, reference: str) -> set[str]:
    """In the layers of an image, its configuration and its history."""
    docker = ("docker", "--host", f"unix://{engine_socket(place)}")
    shown = run(*docker, "history", "--no-trunc", reference).stdout + run(*docker, "image", "inspect", reference).stdout
    with tempfile.TemporaryFile() as file:
        subprocess.run([*docker, "save", reference], stdout=file, check=True, timeout=120)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            return canaries.in_text(shown).union(*(canaries.in_bytes(content) for content in _members(archive)))


def engine_socket(place: Place) -> Path:
    """The engine's socket of the testbed's computer, as a file of this one."""
    if place.computer is None:
        return Path("/var/run/docker.sock")
    return Path(f"/proc/{first_process(place.computer)}/root/run/docker.sock")


def first_process(computer: TestComputer) -> str:
    """The number that it has on this computer."""
    return run("docker", "inspect", "--format", "{{.State.Pid}}", computer.container).stdout.strip()


def _members(archive: tarfile.TarFile) -> Iterator[bytes]:
    for member in archive:
        if (file := archive.extractfile(member)) is not None:
            yield unpacked(file.read())


def unpacked(content: bytes) -> bytes:
    """What a gzip file holds; other files as they are."""
    if not content.startswith(_GZIP):
        return content
    with suppress(OSError, EOFError), gzip.open(io.BytesIO(content)) as file:
        return file.read()
    return content
