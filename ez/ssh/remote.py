"""A computer over SSH.

A command costs one round trip when the connection has a spare channel (each command asks for the next one's) and two
otherwise; one more when it gets stdin, which sshd takes only once the command runs. Logging in costs four to six.
`put` is one command with stdin, `get` and `script` one without.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import paramiko
from paramiko import common
from paramiko.channel import Channel
from paramiko.message import Message

from ez.errors import HostError
from ez.events import Sink, null_sink
from ez.ssh.base import CommandHost
from ez.ssh.host import Target
from ez.ssh.link import Link, Opening
from ez.ssh.local import AGENT_VARIABLE
from ez.ssh.quoting import command_line
from ez.ssh.streams import Worker, follow
from ez.ssh.translate import connected
from ez.ssh.tunnel import AgentDoor, tunnel

_SIGNALLED = 255
"""Exit code of a command that a signal ended, as OpenSSH's client has it."""

_PATIENCE = 10.0
_PAUSE = 0.05

_ENDING = 15.0
"""Seconds that ending a command, or one that does nothing, may take."""


class SshHost(CommandHost):
    """`connect` makes a logged-in Link; it is called at once and again by `reconnect`."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Link],
        *,
        agent_socket: Path | None = None,
        sink: Sink = null_sink,
    ) -> None:
        super().__init__(name, sink)
        self._connect = connect
        self._agent_socket = agent_socket
        self._connection = _Connection(connect())

    @property
    def is_local(self) -> bool:
        return False

    def start(self, argv: Sequence[str], agent: bool) -> RemoteProcess:
        mark = secrets.token_hex(8)
        return self._start(f"env EZ_COMMAND={mark} {command_line(argv)}", agent, lambda: self._end(mark))

    def _start(self, line: str, agent: bool, end: Callable[[], None] | None) -> RemoteProcess:
        connection = self._connection
        with connected(self.name):
            channel = connection.session()
            try:
                if agent and self._agent_socket is not None:
                    channel.request_forward_agent(AgentDoor(self._agent_socket))
                    connection.agent_forwarded = True
                elif connection.agent_forwarded:
                    # sshd offers a forwarded agent to every later command of the connection.
                    line = f"env -u {AGENT_VARIABLE} {line}"
                _execute(channel, line)
            except (EOFError, OSError, paramiko.SSHException) as error:
                if not connection.link.alive:
                    raise connection.link.lost() from error
                raise
        connection.warm = True
        return RemoteProcess(connection.link, channel, end)

    @contextmanager
    def unix_socket(self, target: Target) -> Iterator[Path]:
        connection = self._connection
        if not connection.warm:
            # sshd turns NODELAY on with a connection's first command; without it each message waits 40 ms.
            self.run(["true"], timeout=_ENDING)
        with tunnel(connection.link, target, self.start, self._sink) as local:
            yield local

    def reconnect(self) -> None:
        self.close()
        self._connection = _Connection(self._connect())

    def close(self) -> None:
        self._connection.link.close()

    def _end(self, mark: str) -> None:
        text = files("ez.ssh").joinpath("end.sh").read_text()
        ending = self._start(command_line(["sh", "-c", text, "ez", mark]), False, None)
        follow(ending, input=None, on_line=None, timeout=_ENDING)


class _Connection:
    """A link, what is known of it, and a spare session channel."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.warm = False
        self.agent_forwarded = False
        self._lock = threading.Lock()
        self._spare: Opening | None = None
        self._spares_refused = False

    def session(self) -> Channel:
        """A session channel, and another one asked for in advance.

        Where the server allows no more of them (`MaxSessions`), waits for one to end. Raises ChannelException when
        none does.
        """
        try:
            channel = self._take_spare() or self._open()
            self._ask_for_spare()
        except (EOFError, OSError, paramiko.SSHException) as error:
            if not self.link.alive:
                raise self.link.lost() from error
            raise
        return channel

    def _take_spare(self) -> Channel | None:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is None or not spare.usable:
            return None
        try:
            return spare.wait()
        except paramiko.ChannelException:
            self._spares_refused = True
            return None

    def _open(self) -> Channel:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self.link.begin("session").wait()
            except paramiko.ChannelException:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _ask_for_spare(self) -> None:
        with self._lock:
            if self._spare is None and not self._spares_refused:
                self._spare = self.link.begin("session")


class RemoteProcess:
    """A command on a session channel. `end` ends it there; without one, ending is to stop listening."""

    def __init__(self, link: Link, channel: Channel, end: Callable[[], None] | None) -> None:
        self._link = link
        self._channel = channel
        self._end = end
        self._ended = False

    def read_output(self, size: int) -> bytes:
        return self._channel.recv(size)

    def read_errors(self, size: int) -> bytes:
        return self._channel.recv_stderr(size)

    def write(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except (EOFError, paramiko.SSHException) as error:
            raise BrokenPipeError(str(error)) from error

    def close_input(self) -> None:
        try:
            self._channel.shutdown_write()
        except (EOFError, paramiko.SSHException) as error:
            raise BrokenPipeError(str(error)) from error

    def wait(self) -> int:
        self._channel.status_event.wait()
        code = self._channel.exit_status
        if code == -1 and self._ended:
            return _SIGNALLED
        if code == -1 and self._link.alive and not self._channel.event_ready:
            raise HostError("the SSH server refused to run a command")
        if code == -1 and not (self._link.alive and self._channel.eof_received):
            raise self._link.lost()
        self._channel.close()
        return code if code != -1 else _SIGNALLED

    def end(self) -> None:
        if self._channel.closed or self._channel.exit_status_ready():
            return
        self._ended = True
        if self._end is not None:
            # Whatever becomes of it: the link may be gone, its sessions taken, or nothing may start there any more.
            Worker(self._end).join(_ENDING)
        self._channel.close()


def _execute(channel: Channel, line: str) -> None:
    """As `Channel.exec_command`, without waiting for the server's yes, so that stdin follows at once."""
    message = Message()
    message.add_byte(common.cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exec")
    message.add_boolean(True)
    message.add_string(line.encode("utf-8", "surrogateescape"))
    channel._event_pending()  # type: ignore[attr-defined]
    channel.get_transport()._send_user_message(message)  # type: ignore[attr-defined]
