"""Folders of this computer on another one: a process of ez here serves them for as long as the environment is there.

No port is opened anywhere: sshfs on the computer is the command of an SSH connection from here, and speaks SFTP on its
input and output with a server in this process, whose jail is the folder. When the connection drops it is made anew.
"""

from __future__ import annotations

import fcntl
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ez.config import Settings
from ez.env.files import write_whole
from ez.env.request import GoContext
from ez.env.shares.model import LOCAL, Share
from ez.events import Notice, Sink
from ez.models import Computer

_LOOK = 1.0
_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before another attempt; the last one counts for all that follow."""

_STEADY = 30.0
"""Seconds after which a connection was a good one, and the next attempt comes soon."""

_OPTIONS = ("BatchMode=yes", "ControlPath=none", "ForwardAgent=no", "ConnectTimeout=15")
_SIGNS_OF_LIFE = ("ServerAliveInterval=15", "ServerAliveCountMax=2")
"""What they move in a minute stays below what counts as work on a computer."""

_PROGRAM = "/usr/local/lib/ez/share"


@dataclass(frozen=True)
class Folder:
    """A folder that is served: `folder` here, for the share `name`. As in a Share, `below` is what it may not leave."""

    name: str
    folder: str
    read_only: bool = False
    below: str = ""


@dataclass(frozen=True)
class Job:
    """What a process serves, for the environment `environment` of the computer `computer`."""

    environment: str
    computer: str
    folders: tuple[Folder, ...]


def serve(context: GoContext, computer: Computer, environment: str, shares: Iterable[Share]) -> None:
    """Have a process serve the folders of this computer among the shares. Nothing to do where one does so already."""
    path = job_path(context.settings, environment, computer.name)
    folders = tuple(
        Folder(share.name, share.place, share.read_only, share.below) for share in shares if share.kind == LOCAL
    )
    if not folders:
        path.unlink(missing_ok=True)
        return
    text = json.dumps(asdict(Job(environment, computer.name, folders)))
    if not path.exists() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, text.encode())
    if not is_served(path) and context.detach is not None:
        context.detach(["share", "hold", str(path)])


def serve_again(settings: Settings, environment: str, computer: str, detach: Callable[[Sequence[str]], None]) -> None:
    """Have its folders served where they were and nobody does so, as after a restart of this computer."""
    path = job_path(settings, environment, computer)
    if path.exists() and not is_served(path):
        detach(["share", "hold", str(path)])


def stop(settings: Settings, environment: str, computer: str) -> None:
    """The process that serves them ends within seconds."""
    job_path(settings, environment, computer).unlink(missing_ok=True)


def job_path(settings: Settings, environment: str, computer: str) -> Path:
    return job_file(settings.directories.state, environment, computer)


def job_file(state: Path, environment: str, computer: str) -> Path:
    """`state` is ez's state directory."""
    return state / "shares" / f"{environment}.{computer}.json"


def is_served(path: Path) -> bool:
    """Whether a process holds the lock of a job."""
    with suppress(FileNotFoundError), path.with_suffix(".lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_job(path: Path) -> Job | None:
    """None where the file is gone, or is none of ez's."""
    try:
        found = json.loads(path.read_text("utf-8"))
        folders = tuple(Folder(**entry) for entry in found.pop("folders"))
        return Job(folders=folders, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def hold(path: Path, ssh: Sequence[str], sink: Sink) -> None:
    """Serve what the job says, by `ssh` and its arguments before the name of a computer, until its file goes away."""
    with path.with_suffix(".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        job = read_job(path)
        while job is not None:
            job = _hold_job(path, job, ssh, sink)
    if not path.exists():
        path.with_suffix(".lock").unlink(missing_ok=True)


def _hold_job(path: Path, job: Job, ssh: Sequence[str], sink: Sink) -> Job | None:
    """Serve it while it stays the same; gives what follows it."""
    lines = [Line(job, folder, ssh, sink) for folder in job.folders]
    threads = [threading.Thread(target=line.run, daemon=True) for line in lines]
    for thread in threads:
        thread.start()
    try:
        while (now := read_job(path)) == job:
            time.sleep(_LOOK)
        return now
    finally:
        for line in lines:
            line.end()
        for thread in threads:
            thread.join(5)


class Line:
    """One folder on its way to the computer; `run` lasts until `end`."""

    def __init__(self, job: Job, folder: Folder, ssh: Sequence[str], sink: Sink) -> None:
        self._folder = folder
        command = ["/bin/sh", _PROGRAM, "home", f"{job.environment}.{folder.name}"]
        options = [word for option in (*_OPTIONS, *_SIGNS_OF_LIFE) for word in ("-o", option)]
        self._command = [*ssh, *options, "--", f"ez-{job.computer}", "sudo", "-n", *command]
        self._sink = sink
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        failures = 0
        while not self._ended.is_set():
            began = time.monotonic()
            said = self._serve_once()
            failures = 0 if time.monotonic() - began > _STEADY else failures + 1
            if self._ended.is_set():
                return
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            self._sink(Notice(f"`{self._folder.name}`: {said or 'the connection ended'}; again in {pause:g} s"))
            self._ended.wait(pause)

    def end(self) -> None:
        self._ended.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()

    def _serve_once(self) -> str:
        """One connection; what OpenSSH said in the end."""
        from ez.env.shares.jail import Jail
        from ez.env.shares.sftp import Server

        try:
            jail = Jail(self._folder.folder, read_only=self._folder.read_only, below=self._folder.below)
        except OSError as error:
            return f"the folder cannot be read: {error.strerror}"
        near, far = socket.socketpair()
        try:
            with near:
                process = self._start(far)
                if process is None:
                    return "the OpenSSH client `ssh` is not on PATH"
                far.close()
                with suppress(ValueError):
                    Server(jail).serve(near)
            return self._wait(process)
        finally:
            far.close()
            jail.close()

    def _start(self, stream: socket.socket) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ended.is_set():
                return None
            try:
                ends = stream.fileno()
                self._process = subprocess.Popen(self._command, stdin=ends, stdout=ends, stderr=subprocess.PIPE)
            except FileNotFoundError:
                return None
            return self._process

    def _wait(self, process: subprocess.Popen[bytes]) -> str:
        process.terminate()
        _, told = process.communicate()
        with self._lock:
            self._process = None
        lines = told.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else ""
