"""mosh to an environment's computer, and from there into the container: a shell that changes networks with its person.

mosh speaks UDP to the computer itself, on one of the ports 60000 to 61000. Nobody can tell beforehand whether those are
open but by trying, and mosh itself waits for a quarter of a minute without a word of what to do: `try_out` is quicker.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ez.env.container import container_name
from ez.errors import EzError, HostError, UsageError
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.names import shown
from ez.ssh.quoting import command_line

PORTS = "60000 to 61000"
ANSWERS_WITHIN = 8.0
"""Seconds for a login and a first answer by UDP."""

# What an SSH session would be given.
_LOGIN = (
    "[ ! -S /run/ez/agent.sock ] || export SSH_AUTH_SOCK=/run/ez/agent.sock; "
    'exec "$(getent passwd "$(id -un)" | cut -d: -f7)" -l'
)
# mosh's server refuses to work without UTF-8, which a computer without locales has under this name.
_SERVER = "--server=env LC_ALL=C.UTF-8 mosh-server"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x09\x0b-\x1f]")


def check_way(computer: Computer, name: str, *, is_cloud: bool) -> None:
    """Raises UsageError or HostError where mosh cannot get through."""
    other = f"ez env ssh --keep {name}"
    if isinstance(computer.endpoint, LocalEndpoint):
        raise UsageError(f"`{name}` runs on this computer, where no connection can be lost", other)
    if is_cloud:
        raise HostError(f"mosh needs UDP ports {PORTS}, which are closed at `{computer.name}`", other)
    if isinstance(computer.endpoint, SshEndpoint) and computer.endpoint.jump:
        raise HostError(f"mosh cannot go through other hosts, and `{computer.name}` is behind one", other)


def mosh_command(computer: str, ssh: Sequence[str], words: Sequence[str]) -> list[str]:
    """The argv of mosh to the alias of a computer, to run `words` there."""
    return ["mosh", _SERVER, f"--ssh={command_line(ssh)}", "--", f"ez-{computer}", *words]


def shell_words(name: str, workdir: str, user: str) -> list[str]:
    """What runs on the computer for a shell in the environment."""
    return ["docker", "exec", "-it", "-e", "TERM", "-u", user, "-w", workdir, container_name(name), "sh", "-c", _LOGIN]


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of mosh's client, which refuses to work without UTF-8."""
    locale = next((environment[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(key)), "")
    is_fine = locale.lower().replace("-", "").endswith("utf8")
    return dict(environment) if is_fine else {**environment, "LC_ALL": "C.UTF-8"}


def try_out(command: Sequence[str], environment: Mapping[str, str], name: str, seconds: float = ANSWERS_WITHIN) -> None:
    """Run mosh's `command`, which does nothing and ends, on a terminal that nobody sees. Raises HostError."""
    code, text = _on_terminal(command, environment, seconds)
    if code is None or "did not make a successful connection" in text:
        raise HostError(
            f"nothing comes back by UDP within {seconds:g} s: ports {PORTS} of the computer are closed",
            f"open them, or: ez env ssh --keep {name}",
        )
    if code:
        lines = [line for line in _ESCAPES.sub("", text).splitlines() if line.strip()]
        raise HostError(f"mosh cannot start: {shown(lines[-1]) if lines else code}", f"ez env ssh --keep {name}")


def _on_terminal(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int | None, str]:
    """The exit code, None for a program that was ended, and what it showed."""
    import pty
    import termios

    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    try:
        program = subprocess.Popen(
            command, env=dict(environment), stdin=follower, stdout=follower, stderr=follower, start_new_session=True
        )
    except FileNotFoundError as error:
        os.close(leader)
        raise EzError("mosh is not on PATH", "install mosh") from error
    finally:
        os.close(follower)
    try:
        text = _read(leader, time.monotonic() + seconds)
        with suppress(subprocess.TimeoutExpired):
            return program.wait(0 if text is None else 5), text or ""
        return None, ""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        os.close(leader)


def _read(leader: int, until: float) -> str | None:
    """What is shown until the last program has left the terminal; None where one still has it at that time."""
    seen = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([leader], [], [], left)[0]:
            try:
                data = os.read(leader, 65536)
            except OSError:
                data = b""  # Linux says so at the end.
            if not data:
                return seen.decode("utf-8", "replace")
            seen = (seen + data)[-65536:]
    return None
