"""One OpenSSH connection to an environment, held by an `ssh` process of our own, and the ways over it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ez.env.link.service import Keep
from ez.errors import LinkLostError
from ez.ssh.quoting import shorten

CONNECT_SECONDS = 45.0
"""For the whole login, the computer's own connection included."""

ALIVE_SECONDS = 30
"""Between questions whether the other side is still there; the second one without an answer ends the connection."""

_COMMAND_SECONDS = 20.0
_LONGEST_LOG = 200_000

_OPTIONS = (
    "BatchMode=yes",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "ControlPersist=no",
    f"ServerAliveInterval={ALIVE_SECONDS}",
    "ServerAliveCountMax=2",
    "ConnectTimeout=20",
    "StreamLocalBindMask=0177",
    "StreamLocalBindUnlink=yes",
)


class Connection:
    """A Line. `open` makes it; it ends with its process."""

    def __init__(self, keep: Keep, process: subprocess.Popen[bytes], control: Path) -> None:
        self._keep = keep
        self._process = process
        self._control = control
        self._ways: dict[int, Path] = {}
        self._alone = threading.Lock()
        self._gone = threading.Event()
        threading.Thread(target=self._await_end, daemon=True).start()

    @classmethod
    def open(cls, keep: Keep, *, patience: float = CONNECT_SECONDS) -> Connection:
        """Raises LinkLostError, with what OpenSSH said, where the environment cannot be entered."""
        control = keep.sockets / "c"
        for left in keep.sockets.glob("c*"):
            _end_left(keep, left)
        said = keep.records / "ssh.log"
        options = [word for option in _OPTIONS for word in ("-o", option)]
        command = [*keep.ssh, "-N", "-M", "-S", str(control), *options, "--", keep.alias]
        with said.open("wb") as errors:
            process = subprocess.Popen(
                command, env=dict(keep.variables), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
        connection = cls(keep, process, control)
        deadline = time.monotonic() + patience
        while not control.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                connection.close()
                raise LinkLostError(f"`{keep.alias}` cannot be entered: {_last_line(said)}", f"ssh {keep.alias} true")
            time.sleep(0.05)
        return connection

    @property
    def environment(self) -> str:
        return self._keep.environment

    def command(self, remote: str) -> list[str]:
        # Where the connection is gone `ssh` would make one of its own: it is given no way to.
        quiet = ("-o", "ControlMaster=no", "-o", "BatchMode=yes", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR")
        return [*self._keep.ssh, "-S", str(self._control), *quiet, "-T", "--", self._keep.alias, remote]

    def outward(self, port: int) -> Path:
        with self._alone:
            if port not in self._ways:
                here = self._keep.sockets / f"p{port}"
                here.unlink(missing_ok=True)
                self._order("forward", "-L", f"{here}:localhost:{port}")
                self._ways[port] = here
            return self._ways[port]

    def cancel_outward(self, port: int) -> None:
        with self._alone:
            here = self._ways.pop(port, None)
            if here is not None:
                self._order("cancel", "-L", f"{here}:localhost:{port}")
                here.unlink(missing_ok=True)

    def inward(self, remote: str, local: Path) -> None:
        with self._alone:
            self._order("forward", "-R", f"{remote}:{local}")

    def is_lost(self, within: float) -> bool:
        """Wait so many seconds for the end of the connection; costs nothing meanwhile."""
        return self._gone.wait(within)

    def end(self) -> None:
        """Have it end soon; from any thread or signal handler."""
        self._process.terminate()

    def close(self) -> None:
        self.end()
        if not self._gone.wait(5):
            self._process.kill()
            self._gone.wait()
        for here in (self._control, *self._ways.values()):
            here.unlink(missing_ok=True)

    def _await_end(self) -> None:
        self._process.wait()
        self._gone.set()

    def _order(self, *words: str) -> None:
        self._run([*self._keep.ssh, "-S", str(self._control), "-O", *words, "--", self._keep.alias])

    def _run(self, command: Sequence[str]) -> None:
        try:
            done = subprocess.run(
                command,
                env=dict(self._keep.variables),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LinkLostError(f"the connection to `{self.environment}` does not answer") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no reason given"]
            raise LinkLostError(f"not possible over the connection to `{self.environment}`: {shorten(said[0], 300)}")


def _end_left(keep: Keep, control: Path) -> None:
    """What a keeper that was killed has left: its `ssh`, which would stay for as long as the connection."""
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [*keep.ssh, "-S", str(control), "-O", "exit", "--", keep.alias],
            env=dict(keep.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    control.unlink(missing_ok=True)


def _last_line(said: Path) -> str:
    try:
        with said.open("rb") as file:
            lines = file.read(_LONGEST_LOG).decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return shorten(lines[-1], 300) if lines else "it does not answer"
