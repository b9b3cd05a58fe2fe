"""Which way a server of files is reached from this computer: straight, or through the SSH connection to another one."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ez.ssh.config_text import computer_alias

_STRAIGHT, _THROUGH = 3.0, 12.0
"""Seconds; a port that a provider blocks never answers."""


def answers(server: str, port: int) -> bool:
    """Whether something listens there that this computer reaches."""
    with suppress(OSError, UnicodeError), socket.create_connection((server, port), _STRAIGHT):
        return True
    return False


def way_through(ssh: Sequence[str], server: str, port: int, computers: Iterable[str]) -> str:
    """The first of the computers whose connection leads there; empty where none does. `ssh` is OpenSSH's program and
    its arguments before a name."""
    place = f"[{server}]:{port}" if ":" in server else f"{server}:{port}"
    options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ControlPath=none", "-W", place)
    for computer in computers:
        if _leads([*ssh, *options, "--", computer_alias(computer)]):
            return computer
    return ""


def _leads(command: Sequence[str]) -> bool:
    """OpenSSH ends well when the server hangs up on the end of an empty input, and not where nobody listens."""
    nowhere = subprocess.DEVNULL
    try:
        done = subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=_THROUGH, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
