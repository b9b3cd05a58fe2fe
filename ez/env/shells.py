"""Shells that outlive the connection they are seen through: tmux inside, entered again after each loss."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ez.env.probe import script
from ez.errors import ContainerError, EzError, HostError, HostUnreachableError, UsageError
from ez.names import shown
from ez.ssh.quoting import command_line

LOST = 255
"""What OpenSSH exits with when the connection fails or is lost."""

_ABSENT = 127
_PAUSES = (0.5, 1, 2, 4, 8, 15)
_PROBE_SECONDS = 15.0
_INSTALL_SECONDS = 300.0
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,40}")

# One's own connection: a kept one may be lost already and nobody knows; 15 seconds of silence are a loss.
_ATTACH = ("ControlMaster=no", "ControlPath=none", "ServerAliveInterval=5", "ServerAliveCountMax=3")
_PROBE = ("ControlMaster=no", "ControlPath=none", "BatchMode=yes", "ClearAllForwardings=yes", "ConnectTimeout=10")


@dataclass(frozen=True)
class Door:
    """The way into an environment: `ssh` are OpenSSH's words before the alias, `forget` ends the connection that is
    kept to its computer."""

    alias: str
    ssh: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    forget: Callable[[], None]

    def command(self, options: Sequence[str], words: Sequence[str], *, terminal: bool = False) -> list[str]:
        given = [word for option in options for word in ("-o", option)]
        return [*self.ssh, *given, "-t" if terminal else "-T", "--", self.alias, command_line(words)]

    def run(self, words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
        """Run a command inside, without a terminal. Raises HostError where it takes too long."""
        try:
            return subprocess.run(
                self.command(_PROBE, words),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HostError(f"`{self.alias}` does not answer within {seconds:g} s", "ez doctor") from error
        except FileNotFoundError as error:
            raise EzError("the OpenSSH client `ssh` is not on PATH", "install openssh-client") from error


def check_session(name: str) -> str:
    """A name that tmux takes as it is. Raises UsageError."""
    if not _SESSION.fullmatch(name):
        raise UsageError(f"not a name for a session: `{shown(name)}`", "use 1 to 40 letters, digits, - and _")
    return name


def has_tmux(door: Door) -> bool:
    """Raises HostUnreachableError where the environment cannot be entered."""
    done = door.run(["sh", "-c", "command -v tmux >/dev/null"], _PROBE_SECONDS * 2)
    if done.returncode == LOST:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise HostUnreachableError(f"`{door.alias}` cannot be entered: {shown(said[-1]) if said else ''}", "ez doctor")
    return done.returncode == 0


def install_tmux(door: Door) -> None:
    """With the image's package manager, in the container as it is now. Raises ContainerError."""
    done = door.run(["sh", "-c", script("tmux")], _INSTALL_SECONDS)
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()[-3:]
        raise ContainerError(
            f"tmux cannot be installed in `{door.alias}`: {' '.join(said)}",
            'add `install.apt_packages(["tmux"])` to build.envd',
        )


def keep(
    door: Door, session: str, workdir: str, line: str, *, tell: Callable[[str], None], call: Callable[[list[str]], int]
) -> int:
    """Be in the session until it ends or the person leaves it; its exit code.

    `call` runs a command with the person's terminal and gives its exit code; `tell` gets what is to be read when the
    connection is lost and back.
    """
    words = ["sh", "-c", script("keep"), "ez", session, workdir]
    while True:
        code = call(door.command(_ATTACH, [*words, line], terminal=True))
        if code == _ABSENT:
            raise ContainerError(f"no tmux in `{door.alias}`", 'add `install.apt_packages(["tmux"])` to build.envd')
        if code != LOST:
            return code
        # The session goes on with what it was given.
        line = ""
        tell("the connection is lost; your session goes on, and ez enters it again (Ctrl-C: not now)")
        wait_for(door)


def wait_for(door: Door, sleep: Callable[[float], None] = time.sleep) -> None:
    """Until the environment can be entered again."""
    tries = 0
    while not _answers(door):
        sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
        tries += 1


def _answers(door: Door) -> bool:
    try:
        return door.run(["true"], _PROBE_SECONDS).returncode == 0
    except HostError:
        # The computer's kept connection is silent: new ones are not to go through it.
        door.forget()
        return False
