"""A share on this computer, for as long as the person wants it: a process of ez that keeps it mounted, without root.

Where its server cannot be reached from here (SMB's port 445 is closed at most homes), the connection goes through the
SSH connection to a computer that reaches it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ez.config import Settings
from ez.env.files import write_whole
from ez.env.shares.home import is_served
from ez.env.shares.login import known_here
from ez.env.shares.model import FOLDER, RCLONE, S3, SMB, Share
from ez.env.shares.mounting import rclone_of, remote_place
from ez.errors import EzError, UsageError
from ez.events import Notice, Sink
from ez.ssh.config_text import computer_alias

SMB_PORT = 445
_SECONDS = 60.0
_LOOK = 0.2
_PAUSE = 5.0
_LIMITS = ("--contimeout", "10s", "--timeout", "15s", "--low-level-retries", "2", "--retries", "1")
_SECRETS = {SMB: ("user", "pass"), S3: ("access_key_id", "secret_access_key")}
"""What rclone calls a user and a secret; others have none or one word."""


@dataclass(frozen=True)
class Opened:
    """A share that this computer has at `path`; `through` is the computer whose connection it uses, empty for none."""

    source: str
    path: str
    through: str = ""


@dataclass(frozen=True)
class Job:
    """What a process keeps. `options` are rclone's, as its variables have them, without secrets; none for a folder of
    `through`, which sshfs mounts. `place` is behind the colon, `server` and `port` are where `through` leads to."""

    source: str
    path: str
    through: str
    kind: str
    place: str
    read_only: bool
    server: str
    port: int
    credential: str
    options: tuple[tuple[str, str], ...]


def job_of(share: Share, path: Path, through: str) -> Job:
    """Raises UsageError for what this computer cannot have that way."""
    section = dict(line.split(" = ", 1) for line in rclone_of(share).splitlines() if " = " in line)
    if share.kind == FOLDER and not through:
        raise UsageError(f"a folder of which computer? `{share.text}`", "add -c COMPUTER")
    if not section and share.kind != FOLDER and not share.takes_login:
        raise UsageError(f"this computer cannot have a share of that kind: `{share.text}`", "ez env go --mount")
    if through and share.kind not in (SMB, FOLDER):
        raise UsageError(f"it is not reached through a computer: `{share.text}`", "leave out -c")
    return Job(
        source=share.text,
        path=str(path),
        through=through,
        kind=share.kind,
        place=share.place if share.kind == FOLDER else remote_place(share),
        read_only=share.read_only,
        server=share.server,
        port=share.port or SMB_PORT,
        credential=share.credential,
        options=tuple(sorted(section.items())),
    )


def begin(settings: Settings, job: Job) -> Path:
    """Write the job down; whoever calls this starts `ez share hold-open` with the path it gives, then waits.

    Raises EzError where it is open already, or nobody has logged in.
    """
    if job.kind in (SMB, RCLONE) and not known_here(settings, job.credential):
        raise EzError(f"nobody has logged in to it here: `{job.source}`", f"ez share login {job.source} --here")
    path = _job_path(settings, job.credential, job.place)
    if is_served(path):
        raise EzError(f"it is open already: `{job.source}`", "ez share ls")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.with_suffix(".said").unlink(missing_ok=True)
    write_whole(path, json.dumps(asdict(job)).encode())
    return path


def await_open(job: Job, path: Path) -> None:
    """Return when it is there. Raises EzError with what the programs said, and then nothing is left of it."""
    deadline = time.monotonic() + _SECONDS
    began = False
    while time.monotonic() < deadline:
        if os.path.ismount(job.path):
            return
        was_there, began = began, began or is_served(path)
        if was_there and not is_served(path) and not path.with_suffix(".said").exists():
            break
        with suppress(FileNotFoundError):
            said = path.with_suffix(".said").read_text("utf-8")
            path.unlink(missing_ok=True)
            hint = (
                "ez share login SHARE --here --user NAME" if "login" in said.lower() or "auth" in said.lower() else None
            )
            raise EzError(f"cannot be opened: `{job.source}`: {said}", hint or "ez share open SHARE -c COMPUTER")
        time.sleep(_LOOK)
    path.unlink(missing_ok=True)
    raise EzError(
        f"cannot be opened: `{job.source}`: no answer for {_SECONDS:.0f} s", "ez share open SHARE -c COMPUTER"
    )


def opened(settings: Settings) -> tuple[Opened, ...]:
    found = []
    for path in sorted(_folder(settings).glob("*.json")):
        job = _read(path)
        if job is not None and is_served(path):
            found.append(Opened(job.source, job.path, job.through))
    return tuple(found)


def close(settings: Settings, share: Share) -> Opened:
    """Raises EzError where it is not open."""
    path = _job_path(settings, share.credential, share.place if share.kind == FOLDER else remote_place(share))
    job = _read(path)
    if job is None:
        raise EzError(f"it is not open: `{share.text}`", "ez share ls")
    path.unlink(missing_ok=True)
    deadline = time.monotonic() + _SECONDS
    while is_served(path) and time.monotonic() < deadline:
        time.sleep(_LOOK)
    _unmount(job.path)
    path.with_suffix(".lock").unlink(missing_ok=True)
    with suppress(OSError):
        Path(job.path).rmdir()
    return Opened(job.source, job.path, job.through)


def hold(path: Path, settings: Settings, ssh: Sequence[str], sink: Sink) -> None:
    """Keep it there until the job's file goes away; what hinders that at first is left beside it."""
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        first = True
        while (job := _read(path)) is not None:
            said = _hold_once(path, job, settings, ssh)
            if path.exists():
                sink(Notice(f"`{job.source}`: {said}"))
                if first and not said.startswith("it ended"):
                    write_whole(path.with_suffix(".said"), said.encode())
                    return
                time.sleep(_PAUSE)
            first = False


def _hold_once(path: Path, job: Job, settings: Settings, ssh: Sequence[str]) -> str:
    """Until the job is over or a program ends; why, beginning with `it ended` where it was there before."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        _unmount(job.path)
        server = (job.server, job.port)
        if job.through and job.kind != FOLDER:
            server = ("127.0.0.1", _free_port())
            forward = f"{server[0]}:{server[1]}:{job.server}:{job.port}"
            words = ("-N", "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes")
            signs = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=2")
            processes.append(_start([*ssh, *words, *signs, "-L", forward, "--", computer_alias(job.through)], settings))
            if not _listens(server, processes[0]):
                return _said(processes[0]) or f"`{job.through}` cannot be reached"
        command, variables = _command(job, server, settings, ssh)
        if refused := _asked(job, settings, variables):
            return refused
        processes.append(_start(command, settings, variables))
        was_there = False
        while path.exists():
            for process in processes:
                if process.poll() is not None:
                    return ("it ended: " if was_there else "") + (_said(process) or "the program ended")
            was_there = was_there or os.path.ismount(job.path)
            time.sleep(_LOOK)
        return "closed"
    except FileNotFoundError as error:
        return f"not installed here: {error.filename}"
    except EzError as error:
        return error.message
    finally:
        for process in reversed(processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
        _unmount(job.path)


def _command(
    job: Job, server: tuple[str, int], settings: Settings, ssh: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    mode = ("--read-only",) if job.read_only else ()
    if job.kind == FOLDER:
        options = "reconnect,ServerAliveInterval=15,ServerAliveCountMax=2" + (",ro" if job.read_only else "")
        remote = f"{computer_alias(job.through)}:{job.place.removeprefix('~/')}"
        return ["sshfs", remote, job.path, "-f", "-o", options, *ssh[1:]], {}
    known = known_here(settings, job.credential)
    values = dict(job.options)
    if job.kind == SMB:
        values |= {"host": server[0], "port": str(server[1])}
    values |= _login(job.kind, known)
    variables = {f"RCLONE_CONFIG_EZ_{key.upper()}": value for key, value in values.items() if key and value}
    cache = ("--vfs-cache-mode", "writes", "--vfs-write-back", "1s", "--dir-cache-time", "10s")
    return ["rclone", "--config", "/dev/null", "mount", f"ez:{job.place}", job.path, *mode, *_LIMITS, *cache], variables


def _login(kind: str, known: Mapping[str, str]) -> dict[str, str]:
    if not known:
        return {"env_auth": "true"} if kind == S3 else {}
    if "line" in known:
        return dict(
            entry.split("=", 1) for entry in (part.replace(" = ", "=", 1) for part in known["line"].split("\t"))
        )
    if kind in _SECRETS:
        user, secret = _SECRETS[kind]
        told = _obscured(known["secret"]) if kind == SMB else known["secret"]
        return {user: known["user"], secret: told, **({"domain": known["domain"]} if "domain" in known else {})}
    if "sas" in known:
        return {"sas_url": known["sas"]}
    return {"key" if "user" in known else "service_account_credentials": known["secret"]}


def _obscured(secret: str) -> str:
    done = subprocess.run(["rclone", "obscure", "-"], input=secret, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _asked(job: Job, settings: Settings, variables: Mapping[str, str]) -> str:
    """What the server says against it: rclone mounts first, and asks later."""
    if job.kind == FOLDER:
        return ""
    command = ["rclone", "--config", "/dev/null", *_LIMITS, "lsf", "--max-depth", "1", f"ez:{job.place}"]
    nowhere, environment = subprocess.DEVNULL, {**settings.environment, **variables}
    try:
        done = subprocess.run(command, stdin=nowhere, capture_output=True, env=environment, timeout=40, check=False)
    except subprocess.TimeoutExpired:
        return "no answer"
    return _last_line(done.stderr) or "refused" if done.returncode else ""


def _start(
    command: Sequence[str], settings: Settings, more: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    environment = {**settings.environment, **(more or {})}
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=subprocess.PIPE, env=environment)


def _listens(server: tuple[str, int], process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(server, 1):
            return True
        time.sleep(_LOOK)
    return False


def _said(process: subprocess.Popen[bytes]) -> str:
    process.terminate()
    _, told = process.communicate()
    return _last_line(told)


def _last_line(told: bytes) -> str:
    """Without rclone's date and time."""
    lines = [line for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    return re.sub(r"^[\d/]+ [\d:]+ ", "", lines[-1])[:300] if lines else ""


def _unmount(path: str) -> None:
    """Lazily: a server that is gone is not asked. Nothing happens where nothing is mounted."""
    for program in ("fusermount3", "fusermount"):
        with suppress(FileNotFoundError):
            subprocess.run([program, "-u", "-z", "-q", path], capture_output=True, check=False, timeout=20)
            return


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _folder(settings: Settings) -> Path:
    return settings.directories.state / "open-shares"


def _job_path(settings: Settings, credential: str, place: str) -> Path:
    import hashlib

    return _folder(settings) / f"{hashlib.sha256(f'{credential} {place}'.encode()).hexdigest()[:20]}.json"


def _read(path: Path) -> Job | None:
    try:
        found = json.loads(path.read_text("utf-8"))
        options = tuple((str(key), str(value)) for key, value in found.pop("options"))
        return Job(options=options, **found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
