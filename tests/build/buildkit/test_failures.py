"""What goes wrong on the way to an image, told with its next step."""

import base64
import http.server
import json
import os
import socket
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ez.build.buildkit import client, gateway, waiting
from ez.build.engine import Address, engine_info, find_image
from ez.build.graph import (
    CopyAction,
    Files,
    ImageSource,
    LocalSource,
    MkFileAction,
    Mount,
    SecretMount,
    SecretVariable,
    SshMount,
)
from ez.build.order import Cache
from ez.build.solve import build
from ez.errors import BuildError, DefinitionError, EngineError, StepError
from ez.events import Event, Notice
from tests.testbed import Testbed

from .conftest import BASE, SMALL, Engine, Recorder, define, forwarded, listening, reaching, relayed, sh
from .fronted import fronted
from .session.doors import server_tls

pytestmark = pytest.mark.engine


def from_image(reference: str) -> ImageSource:
    return ImageSource(reference, note=BASE.note)


@pytest.mark.parametrize(
    ("reference", "said", "hint"),
    [
        ("127.0.0.1:1/some/image:1", "cannot be reached", "curl -I https://127.0.0.1:1/v2/"),
        ("{registry}/library/never-pushed:1", "no such image", "correct the image's name or tag"),
    ],
)
def test_an_image_that_cannot_be_read(local: Engine, testbed: Testbed, reference: str, said: str, hint: str) -> None:
    reference = reference.format(registry=testbed.registry.host_address)
    with pytest.raises(BuildError, match=said) as caught:
        local.build(define(sh(from_image(reference), "true")))
    assert reference in caught.value.message
    assert hint in (caught.value.hint or "")
    assert isinstance(caught.value, StepError)
    assert (caught.value.file, caught.value.line) == ("build.envd", 1)


def test_an_image_that_is_only_copied_from(local: Engine, testbed: Testbed) -> None:
    reference = f"{testbed.registry.host_address}/library/never-pushed:2"
    copied = Files(BASE, (CopyAction(from_image(reference), "/x", "/x"),))
    with pytest.raises(StepError, match="no such image") as caught:
        local.build(define(copied))
    assert caught.value.line == 1


def test_what_is_no_reference_is_refused_before_anything_runs(local: Engine) -> None:
    with pytest.raises(DefinitionError, match="not an image reference") as caught:
        local.build(define(from_image("debian 12; rm -rf /")))
    assert caught.value.line == 1


def test_a_private_registry_gets_the_credentials_of_dockers_config(local: Engine, testbed: Testbed, home: Path) -> None:
    with private_registry(testbed.registry.host_address, "me:canary") as registry:
        state = from_image(f"{registry}/library/debian:12")
        with pytest.raises(StepError, match="does not let you") as caught:
            local.build(define(state))
        assert caught.value.hint == f"sign in with `docker login {registry}`, or correct the image's name"
        (home / ".docker").mkdir()
        entry = {"auth": base64.b64encode(b"me:canary").decode()}
        (home / ".docker" / "config.json").write_text(json.dumps({"auths": {registry: entry}}))
        assert local.build(define(state)).id


@pytest.mark.parametrize(
    ("mount", "lacking", "option"),
    [
        (SecretMount("/x", "absent"), "secret `absent`", "--secret id=absent,src=FILE"),
        (SecretVariable("X", "a b"), "secret `a b`", "--secret 'id=a b,src=FILE'"),
        (SshMount(), "SSH agent `default`", "--ssh default"),
        (SshMount(id="other"), "SSH agent `other`", "--ssh other=SOCKET"),
    ],
)
def test_a_mount_without_its_secret_or_agent(local: Engine, mount: Mount, lacking: str, option: str) -> None:
    """Said before any step begins."""
    with pytest.raises(StepError) as caught:
        local.build(define(sh(sh(BASE, f"true {uuid.uuid4()}"), "true", line=3, mounts=(mount,))))
    assert caught.value.message == f"a step needs the {lacking}, which is not lent to this build"
    assert caught.value.hint == f"lend it: `{option}`"
    assert (caught.value.file, caught.value.line) == ("build.envd", 3)
    assert local.begun == []


def test_a_registry_that_is_out_of_order(local: Engine, testbed: Testbed) -> None:
    with fronted(testbed.registry.host_address) as door:
        door.status = 500
        with pytest.raises(StepError, match=f"the image cannot be read: `{door.address}/x/y:1` .*500") as caught:
            local.build(define(sh(from_image(f"{door.address}/x/y:1"), "true")))
    assert caught.value.line == 1
    assert caught.value.hint == f"try `docker pull {door.address}/x/y:1` on the computer"


@pytest.mark.parametrize("every_engine", ["local", "ready_28"], indirect=True)
def test_a_registry_that_says_nothing(
    every_engine: Engine,
    testbed: Testbed,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An image is waited for and told of, and a cache left out."""
    monkeypatch.setattr(gateway, "_SECONDS_TO_RESOLVE", 2.0)
    monkeypatch.setattr(waiting, "_SECONDS_UNTIL_TOLD", 0.5)
    monkeypatch.setattr(waiting, "_SECONDS_FOR_CACHES", 1.0)
    tls = None if every_engine.name == "local" else server_tls(tmp_path)
    authority = (tmp_path / "ca.pem").read_text() if tls else ""
    with (
        fronted(testbed.registry.host_address, tls=tls) as door,
        reaching(every_engine, request, door.address, authority),
    ):
        door.hold.clear()
        silent = f"{door.address}/x/y:1"
        with pytest.raises(StepError, match=f"cannot be reached for the image: `{silent}` .no answer") as caught:
            every_engine.build(define(sh(from_image(silent), "true")))
        assert (caught.value.line, caught.value.hint) == (
            1,
            f"check the computer's network with `curl -I https://{door.address}/v2/`",
        )
        cache = Cache("registry", (("ref", silent),))
        state = sh(SMALL, f"true {uuid.uuid4()}")
        assert every_engine.build(define(state), cache_from=(cache,)).executed == 1
        begun = list(every_engine.begun)
    assert not [name for name in begun if name.startswith("importing")]
    told = [event.text for event in every_engine.said.events if isinstance(event, Notice)]
    assert told == [
        f"still waiting for the registry of `{silent}`",
        f"still waiting for the cache `{silent}`",
        f"the cache could not be read and is left out: `{silent}` (no answer within 1 s)",
    ]


def test_a_file_that_cannot_be_sent_ends_the_build(local: Engine, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"not-\xff-utf8")).touch()
    copied = Files(BASE, (CopyAction(LocalSource("context"), "/", "/app"),))
    with pytest.raises(BuildError, match="not UTF-8"):
        local.build(define(copied, tmp_path))


def test_a_definition_beyond_the_engines_limit(local: Engine) -> None:
    """Just below it is fine."""
    with pytest.raises(DefinitionError, match="too large"):
        local.build(define(Files(BASE, (MkFileAction("/large", os.urandom(2**22)),))))
    assert local.build(define(Files(BASE, (MkFileAction("/large", os.urandom(2**22 - 2**16 - 1_000)),)))).id


def test_a_full_disk_is_told_from_the_steps_own_words(local: Engine) -> None:
    state = sh(BASE, "echo 'write error: No space left on device'; exit 1")
    with pytest.raises(StepError, match="disk is full") as caught:
        local.build(define(state))
    assert "docker system prune" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no Docker Engine"),
        (lambda path: listening(path).close(), "stopped"),
        (lambda path: path.touch(), "stopped"),
    ],
)
def test_no_engine_at_the_socket(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "docker.sock"
    make(path)
    for ask in (
        engine_info,
        lambda address: find_image(address, "x"),
        lambda address: build(define(BASE), address, "x"),
    ):
        with pytest.raises(EngineError, match=said) as caught:
            ask(Address.unix(path))
        assert str(path) in caught.value.message
        assert "systemctl start docker" in (caught.value.hint or "")


def test_something_else_at_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with listening(path) as server:
        threading.Thread(target=hang_up_on_everybody, args=(server,), daemon=True).start()
        with pytest.raises(EngineError):
            build(define(BASE), Address.unix(path), "x")


def test_an_engine_that_says_nothing_any_more(local: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_SECONDS_OF_SILENCE", 3.0)
    monkeypatch.setattr(client, "_SECONDS_TO_END", 0.5)
    with relayed(local.socket, tmp_path / "d.sock", deaf_after=2.0) as (path, _), pytest.raises(EngineError):
        build(define(sh(BASE, f"sleep 60; echo {uuid.uuid4()}")), Address.unix(path), "ez-test/deaf:1")


def test_an_engine_that_is_stopped_in_the_middle(testbed: Testbed, tmp_path: Path) -> None:
    with testbed.lend("ready-graph") as computer, forwarded(computer, tmp_path) as path:
        stopping = threading.Thread(target=computer.exec, args=("systemctl stop docker.socket docker",))

        class Stopper(Recorder):
            def __call__(self, event: Event) -> None:
                super().__call__(event)
                if self.lines and stopping.ident is None:
                    stopping.start()

        with pytest.raises(EngineError):
            build(define(sh(BASE, "echo running; sleep 60")), Address.unix(path), "ez-test/stopped:1", sink=Stopper())
        stopping.join()


def hang_up_on_everybody(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            server.accept()[0].close()


@contextmanager
def private_registry(behind: str, credentials: str) -> Iterator[str]:
    """A registry that asks for a name and a password and then shows what the registry `behind` has."""
    expected = "Basic " + base64.b64encode(credentials.encode()).decode()

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="private"')
                self.end_headers()
                return
            wanted = urllib.request.Request(f"http://{behind}{self.path}", method=self.command)
            wanted.headers = {name: value for name, value in self.headers.items() if name in ("Accept", "Range")}
            try:
                reply = urllib.request.urlopen(wanted, timeout=20)
            except urllib.error.HTTPError as error:
                reply = error
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.read())

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
