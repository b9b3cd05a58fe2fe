"""Real engines to build on, and definitions to build."""

import json
import os
import socket
import subprocess
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ez.build.definition import Definition, SourceFile
from ez.build.engines.address import Address
from ez.build.graph import CopyAction, Files, ImageConfig, ImageSource, Note, Position, Run, Scratch, State
from ez.build.llb import graph_digest
from ez.build.solve import build
from ez.events import Event, Notice, Sink, Vertex, VertexLog, null_sink
from ez.models import Image, Runtime
from tests.testbed import Testbed, TestComputer
from tests.testbed.shell import wait_until

BASE = ImageSource("debian:12", note=Note("base", Position("build.envd", 1)))
SOURCE = SourceFile("build.envd", b"base()\nfirst()\nsecond()\nthird()\n")
_AMD64 = ImageSource(BASE.reference, platform="linux/amd64")
_SHELL = {
    "/usr/bin/dash": "/bin/sh",
    "/usr/bin/cat": "/bin/cat",
    "/usr/bin/sleep": "/bin/sleep",
    "/lib/x86_64-linux-gnu/libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/ld-linux-x86-64.so.2": "/lib64/ld-linux-x86-64.so.2",
}
SMALL = Files(Scratch(), tuple(CopyAction(_AMD64, path, target) for path, target in _SHELL.items()))
"""A shell, `cat` and `sleep`, and nothing else: 2 MB that engines move about in no time."""


def sh(base: State, script: str, line: int = 2, **options: Any) -> Run:
    """A step asked for at a line of the build file."""
    note = Note(options.pop("label", ""), Position("build.envd", line))
    return Run(base, ("sh", "-ec", script), note=note, **options)


def define(state: State, context: Path | str = "/nowhere", config: ImageConfig = ImageConfig()) -> Definition:
    return Definition(state, config, Runtime(), graph_digest(state, config), str(context), sources=(SOURCE,))


@dataclass
class Recorder:
    """A sink that remembers."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[str]:
        return [line for event in self.events if isinstance(event, VertexLog) for line in event.lines]

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice) and event.level == "warning"]


@dataclass
class Engine:
    """An engine at a socket; images made here are removed after the test. `docker_socket` is that of the Docker Engine
    around a BuildKit, where it is another. `said` is what all builds told."""

    name: str
    socket: Path
    made: list[str] = field(default_factory=list)
    docker_socket: Path | None = None
    said: Recorder = field(default_factory=Recorder)

    @property
    def address(self) -> Address:
        return Address.unix(self.socket)

    @property
    def docker_address(self) -> Address:
        return Address.unix(self.docker_socket or self.socket)

    @property
    def begun(self) -> list[str]:
        """The names of steps that began."""
        names = [event.name for event in self.said.events if isinstance(event, Vertex) and event.started]
        return [name for name in names if not name.startswith(("resolve image config", "[internal]"))]

    def build(self, definition: Definition, sink: Sink = null_sink, **options: Any) -> Image:
        reference = f"ez-test/{uuid.uuid4().hex}:latest"
        self.made.append(reference)

        def tell(event: Event) -> None:
            self.said(event)
            sink(event)

        return build(definition, self.address, options.pop("reference", reference), sink=tell, **options)

    def docker(self, *arguments: str) -> bytes:
        environment = {**os.environ, "DOCKER_HOST": f"unix://{self.docker_address}"}
        command = ["docker", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def read(self, image: Image, path: str) -> str:
        """A file of the image."""
        return self.docker("run", "--rm", "--network", "none", "--entrypoint", "cat", image.reference, path).decode()

    def forget(self) -> None:
        if self.made:
            subprocess.run(
                ["docker", "rmi", "--force", *self.made],
                env={**os.environ, "DOCKER_HOST": f"unix://{self.docker_address}"},
                capture_output=True,
                timeout=60,
                check=False,
            )


@pytest.fixture(scope="session")
def sockets(
    testbed: Any, engine: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, Callable[[], TestComputer]], Path]]:
    """Gives the engine's socket of a computer, forwarded over SSH as long as the session lasts."""
    forwards: dict[str, Path] = {}
    running: list[Any] = []

    def socket_of(name: str, computer: Callable[[], TestComputer]) -> Path:
        if name not in forwards:
            context = forwarded(computer(), tmp_path_factory.mktemp("forward"))
            running.append(context)
            forwards[name] = context.__enter__()
        return forwards[name]

    yield socket_of
    for context in running:
        context.__exit__(None, None, None)


@contextmanager
def forwarded(computer: TestComputer, folder: Path) -> Iterator[Path]:
    """The engine's socket of a computer, through OpenSSH."""
    socket = folder / "d.sock"
    *options, destination = computer.ssh_command()
    command = [*options, "-L", f"{socket}:/var/run/docker.sock", destination, "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(socket.exists, "the socket is forwarded", timeout=20)
            yield socket
        finally:
            process.kill()


@pytest.fixture
def local(engine: Path) -> Iterator[Engine]:
    """This computer's engine."""
    here = Engine("local", engine)
    yield here
    here.forget()


@pytest.fixture(params=["local", "ready", "ready_graph", "ready_28", "ready_28_graph"])
def every_engine(request: pytest.FixtureRequest, testbed: Any, engine: Path, sockets: Any) -> Iterator[Engine]:
    """Docker 20.10 here; Docker 26 and 28 with the containerd image store, and with the older one.

    `direct`, which has to be asked for, is Docker 26's BuildKit as a standalone buildkitd shows itself.
    """
    name = request.param
    fixture = "ready" if name == "direct" else name
    socket = engine if name == "local" else sockets(fixture, lambda: request.getfixturevalue(fixture))
    with ExitStack() as stack:
        one = Engine(name, socket)
        if name == "direct":
            path = request.getfixturevalue("tmp_path_factory").mktemp("direct") / "d.sock"
            stack.enter_context(relayed(socket, path, connect=upgraded))
            one = Engine(name, path, docker_socket=socket)
        yield one
        one.forget()


def name_in_registry(engine: Engine, testbed: Testbed) -> str:
    """A name without a tag that nobody has used, in the testbed's registry as the engine sees it."""
    registry = testbed.registry
    return f"{registry.host_address if engine.name == 'local' else registry.address}/ez-test/{uuid.uuid4().hex}"


_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_ACCEPT = (
    *_INDEXES,
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def manifest(testbed: Testbed, name: str) -> Any:
    """What the registry has under a name that an engine pushed."""
    repository, _, tag = name.partition("/")[2].rpartition(":")
    address = f"http://{testbed.registry.host_address}/v2/{repository}/manifests/{tag}"
    request = urllib.request.Request(address, headers={"Accept": ", ".join(_ACCEPT)})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        return json.load(reply)


@contextmanager
def reaching(engine: Engine, request: pytest.FixtureRequest, address: str, authority: str) -> Iterator[None]:
    """Have the engine's computer reach a port of this one's loopback by the same address, and trust `authority`."""
    if engine.name == "local":
        yield
        return
    computer: TestComputer = request.getfixturevalue("ready" if engine.name == "direct" else engine.name)
    folder = f"/etc/docker/certs.d/{address}"
    computer.exec(f"mkdir -p {folder} && cat >{folder}/ca.crt", stdin=authority)
    *options, destination = computer.ssh_command()
    forward = ["-o", "ExitOnForwardFailure=yes", "-R", f"{address}:{address}"]
    command = [*options, *forward, destination, "echo there; cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        yield
        process.kill()
    computer.exec(f"rm -r {folder}")


def listening(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def plainly(target: Path) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(str(target))
    return stream


def upgraded(target: Path) -> socket.socket:
    """A stream on which HTTP/2 begins, as a standalone buildkitd's."""
    stream = plainly(target)
    stream.sendall(b"POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1)
    return stream


@contextmanager
def relayed(
    target: Path,
    path: Path,
    *,
    connect: Callable[[Path], socket.socket] = plainly,
    deaf_after: float | None = None,
) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A socket that leads to `target` until it is cut, or, deaf, passes nothing on any more."""
    connections: list[socket.socket] = []
    deaf = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                here, there = server.accept()[0], connect(target)
                connections.extend((here, there))
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not deaf.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def cut() -> None:
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    server = listening(path)
    threading.Thread(target=serve, daemon=True).start()
    timer = threading.Timer(deaf_after or 0, deaf.set)
    if deaf_after:
        timer.start()
    try:
        yield path, cut
    finally:
        timer.cancel()
        server.close()
        cut()
