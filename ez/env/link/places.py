"""Where a keeper has its sockets and its files on this computer."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from ez.errors import ConfigError
from ez.ssh.files import private_directory, write_atomic

_LONGEST = 80
"""Bytes of a directory: a unix socket's path has at most 104 to 108, and OpenSSH appends 17 while it makes one."""


def records(home: Path, environment: str, computer: str) -> Path:
    """The directory of files that last, below ez's state directory `home`: the allow-list, uses, the log."""
    return home / "link" / f"{environment}.{computer}"


def socket_directory(home: Path, environment: str, computer: str) -> Path:
    """The directory of a keeper's sockets; not made here. Two homes and two environments never share one."""
    mark = hashlib.sha256(f"{home}\0{environment}\0{computer}".encode()).hexdigest()[:12]
    user = os.getuid()
    candidates = [home / "link" / mark]
    if Path(f"/run/user/{user}").is_dir():
        candidates.append(Path(f"/run/user/{user}/ez-{mark}"))
    fits = [path for path in candidates if len(os.fsencode(path)) <= _LONGEST]
    return fits[0] if fits else Path(f"/tmp/ez-{user}-{mark}")


def control_socket(directory: Path) -> Path:
    """Where the keeper answers other processes."""
    return directory / "keeper"


def make_private(directory: Path) -> Path:
    """Make the directory, for its owner alone. Raises ConfigError where it is somebody else's."""
    try:
        private_directory(directory)
    except OSError as error:
        raise ConfigError(
            f"directory cannot be made: `{directory}` ({error.strerror})", f"ls -ld {directory}"
        ) from error
    return directory


def laptop_mark(home: Path) -> str:
    """What tells this computer's connections from those of others in an environment; made once."""
    path = home / "link" / "mark"
    try:
        mark = path.read_text("ascii").strip()
    except (OSError, ValueError):
        mark = ""
    if not (len(mark) == 16 and mark.isalnum()):
        mark = secrets.token_hex(8)
        write_atomic(make_private(path.parent) / path.name, f"{mark}\n".encode(), 0o600)
    return mark
