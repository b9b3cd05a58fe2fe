"""Sockets through an SSH connection, both ways: the host's engine to here, the person's agent to there."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import paramiko
from paramiko.channel import Channel

from ez.errors import EzError
from ez.events import CommandRun, Sink
from ez.ssh.host import Target
from ez.ssh.link import Link, Opening
from ez.ssh.streams import CHUNK, Process, Worker

Start = Callable[[Sequence[str], bool], Process]


@contextmanager
def tunnel(link: Link, target: Target, start: Start, sink: Sink) -> Iterator[Path]:
    """A unix socket in a private directory here, each of whose connections reaches `target` on the far end of `link`.

    A connection that the host refuses is closed at once, and told to `sink`.
    """
    # Short, whatever TMPDIR says: the path of a unix socket has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="ez-", dir="/tmp"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door = _Door(link, target, start, sink)
    try:
        local = directory / "s"
        listener.bind(str(local))
        listener.listen(128)
        accepting = threading.Thread(target=_accept, args=(listener, door), daemon=True)
        accepting.start()
        yield local
    finally:
        _shut(listener)
        door.close()
        shutil.rmtree(directory, ignore_errors=True)


class AgentDoor:
    """Takes each connection that a command on the host makes to the forwarded agent to the person's own agent."""

    def __init__(self, agent_socket: Path) -> None:
        self._agent_socket = agent_socket

    def __call__(self, channel: Channel) -> None:
        """Called on the connection's reading thread, which must not be held up."""
        threading.Thread(target=self._serve, args=(channel,), daemon=True).start()

    def _serve(self, channel: Channel) -> None:
        near = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with near:
            try:
                near.connect(str(self._agent_socket))
            except OSError:
                channel.close()
                return
            pump(near, ChannelEnd(channel))


class ChannelEnd:
    """A channel as one end of a pump."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def read(self, size: int) -> bytes:
        return self._channel.recv(size)

    def write(self, data: bytes) -> None:
        self._channel.sendall(data)

    def close_input(self) -> None:
        self._channel.shutdown_write()

    @property
    def gone(self) -> bool:
        return self._channel.closed

    def close(self) -> None:
        self._channel.close()


class CommandEnd:
    """A command's stdin and stdout as one end of a pump; `told` gets its exit code and stderr when it failed."""

    def __init__(self, process: Process, told: Callable[[int, str], None]) -> None:
        self._process = process
        self._told = told
        self._over = False
        self._errors = Worker(lambda: b"".join(iter(lambda: process.read_errors(CHUNK), b"")))

    def read(self, size: int) -> bytes:
        data = self._process.read_output(size)
        self._over = self._over or not data
        return data

    def write(self, data: bytes) -> None:
        self._process.write(data)

    def close_input(self) -> None:
        self._process.close_input()

    @property
    def gone(self) -> bool:
        return self._over

    def close(self) -> None:
        if not self._over:
            self._process.end()
        code = self._process.wait()
        if self._over and code != 0:
            self._told(code, self._errors.result().decode("utf-8", "replace"))


End = ChannelEnd | CommandEnd


def pump(near: socket.socket, far: End) -> None:
    """Move bytes both ways until both directions have ended; the end of one leaves the other open."""
    upward = Worker(lambda: _upward(near, far))
    try:
        while data := far.read(CHUNK):
            near.sendall(data)
        # All closed over there, or only this direction?
        near.shutdown(socket.SHUT_RDWR if far.gone else socket.SHUT_WR)
    except (EOFError, OSError, paramiko.SSHException):
        # Reading asks the other side for more now and then, which fails in these ways where the link has gone.
        _shut(near)
    upward.join()
    try:
        far.close()
    except (EzError, EOFError, OSError, paramiko.SSHException):
        pass


def _upward(near: socket.socket, far: End) -> None:
    try:
        while data := near.recv(CHUNK):
            far.write(data)
        far.close_input()
    except (EOFError, OSError, paramiko.SSHException):
        _shut(near)


class _Door:
    """Opens the far end for each local connection: a channel to the target, else a command that connects there."""

    def __init__(self, link: Link, target: Target, start: Start, sink: Sink) -> None:
        self._link = link
        self._target = target
        self._address = f"unix://{target}" if isinstance(target, str) else "tcp://{}:{}".format(*target)
        self._start = start
        self._sink = sink
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._refused = False
        self._closed = False

    def serve(self, near: socket.socket) -> None:
        with self._lock:
            if self._closed:
                near.close()
                return
            self._open.add(near)
        try:
            far = self._reach()
            if far is not None:
                pump(near, far)
        finally:
            with self._lock:
                self._open.discard(near)
            near.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for near in self._open:
                _shut(near)

    def _reach(self) -> End | None:
        try:
            return (None if self._refused else self._by_channel()) or self._by_command()
        except (EzError, EOFError, OSError, paramiko.SSHException) as error:
            self._tell(1, str(error))
            return None

    def _by_channel(self) -> End | None:
        try:
            return ChannelEnd(self._ask().wait())
        except paramiko.ChannelException:
            # Nobody listens there, or the server forwards nothing: it says the same for both.
            self._refused = True
            return None

    def _ask(self) -> Opening:
        if isinstance(self._target, str):
            # The two fields after the path are reserved (OpenSSH's PROTOCOL file, section 2.4).
            return self._link.begin("direct-streamlocal@openssh.com", self._target, "", 0)
        # Where to, and from where somebody connects here (RFC 4254, section 7.2).
        return self._link.begin("direct-tcpip", *self._target, "127.0.0.1", 0)

    def _by_command(self) -> End:
        text = files("ez.ssh").joinpath("dial.sh").read_text()
        return CommandEnd(self._start(["sh", "-c", text, "ez", self._address], False), self._tell)

    def _tell(self, code: int, said: str) -> None:
        self._sink(
            CommandRun(
                self._link.name,
                f"[connect to {self._address.removeprefix('unix://')}]",
                code,
                0.0,
                tuple(said.splitlines()[-10:]),
            )
        )


def _accept(listener: socket.socket, door: _Door) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=door.serve, args=(near,), daemon=True).start()


def _shut(stream: socket.socket) -> None:
    try:
        stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
