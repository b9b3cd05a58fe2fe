"""Hand secrets over to an environment: into its memory, over the SSH connection, as standard input."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence

from ez.env.secrets.wanted import Wanted
from ez.errors import SecretError

COMMAND = "sudo -n /usr/local/lib/ez/secrets envd"
"""What takes them inside; see `ez/build/image/scripts/secrets.sh`."""

_SECONDS = 60.0


def payload(wanted: Iterable[Wanted], value_of: Callable[[str], bytes]) -> bytes:
    """The input of COMMAND. Raises SecretError for a secret that is not there, and for a variable with a NUL."""
    lines = []
    for entry in sorted(wanted):
        value = value_of(entry.name)
        if entry.variable and b"\0" in value:
            raise SecretError(f"`{entry.name}` has a zero byte and cannot be a variable", f"use {entry.name}=file")
        lines += ["variable" if entry.variable else "file", entry.variable or entry.name]
        lines.append(base64.b64encode(value).decode())
    return "".join(f"{line}\n" for line in lines).encode()


def give(command: Sequence[str], data: bytes, variables: Mapping[str, str], environment: str) -> None:
    """`command` is the argv of OpenSSH that runs COMMAND inside. All of `data` or nothing. Raises SecretError."""
    try:
        done = subprocess.run(
            command, input=data, env=dict(variables), capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SecretError(f"`{environment}` does not take secrets: it does not answer") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise SecretError(f"`{environment}` does not take secrets: {_reason(said)}", "ez env go, with --rebuild")


def _reason(said: str) -> str:
    if "ez-no-tmpfs" in said:
        return "its container has no memory for them, and was made by an older ez"
    return (said.strip().splitlines() or ["no reason given"])[-1][:200]
