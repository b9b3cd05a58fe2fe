"""Run programs, wait for conditions."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping


class TestbedError(Exception):
    """The testbed could not be made, or a machine in it did not do what was asked."""

    __test__ = False


def run(
    *command: str,
    stdin: bytes | str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; `environment` adds to this process's own.

    Raises TestbedError with the last lines when it fails (unless `check` is off) or takes over `timeout` seconds.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            command,
            input=b"" if data is None else data,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise TestbedError(f"not finished after {timeout} s: {' '.join(command)}") from exc
    stdout, stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if check and done.returncode != 0:
        tail = "\n".join((stderr or stdout).splitlines()[-15:])
        raise TestbedError(f"exit {done.returncode}: {' '.join(command)}\n{tail}")
    return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 60) -> None:
    """Poll until `condition` holds; raises TestbedError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TestbedError(f"not so after {timeout:g} s: {what}")
        time.sleep(0.05)


def greets(host: str, port: int) -> bool:
    """Whether an SSH server says hello there: a published port takes connections before one does."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
