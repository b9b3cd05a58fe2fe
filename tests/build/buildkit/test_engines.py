"""Engines reached over TCP, with TLS on both sides; sessions that are dropped; Podman."""

import asyncio
import hashlib
import json
import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.session.health import Health
from ez.build.engine import Address, engine_info, workers
from ez.build.engines.address import Tls
from ez.build.graph import CopyAction, Files, LocalSource
from ez.build.solve import build
from ez.errors import EngineError
from ez.events import Event

from .conftest import BASE, Engine, Recorder, define, listening, plainly, relayed, sh, upgraded


@pytest.mark.engine
def test_podmans_socket_is_told_by_its_own_words(tmp_path: Path) -> None:
    version = {"ApiVersion": "1.41", "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}
    body = json.dumps(version).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def serve() -> None:
        connection = server.accept()[0]
        connection.recv(65536)
        connection.sendall(reply)

    with listening(tmp_path / "p.sock") as server:
        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(EngineError, match="this is Podman, which speaks Docker's API but has no BuildKit"):
            engine_info(Address.unix(tmp_path / "p.sock"))


@dataclass(frozen=True)
class Authority:
    """Makes certificates. `tls` is what a client is given."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def tls(self) -> Tls:
        return Tls(self.file, *self.issue("client"))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for a host name or an IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _sign(name, key, self.certificate.subject, self.key, is_authority=False)
        stem = uuid.uuid4().hex
        certificate, private = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private


def authority(folder: Path) -> Authority:
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named("an authority")
    certificate = _sign("an authority", key, subject, key, is_authority=True)
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(folder, certificate, key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _sign(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer, _named(name), key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    ).add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    if not is_authority:
        with_address = name[0].isdigit()
        alternative = x509.IPAddress(ip_address(name)) if with_address else x509.DNSName(name)
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return builder.sign(by, hashes.SHA256())


@contextmanager
def over_tls(
    target: Path, trusted: Authority, *, name: str = "127.0.0.1", direct: bool = False
) -> Iterator[tuple[Address, Callable[[], None]]]:
    """An engine's TCP port that takes only clients of `trusted`; `direct` as buildkitd's, where nothing but HTTP/2 is
    spoken. Gives its address, with the right files for it, and a way to cut all connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*trusted.issue(name))
    context.load_verify_locations(trusted.file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2" if direct else "http/1.1"])
    open_ends: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(target)
        open_ends.update((writer, far_writer))
        spoken = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        with suppress(OSError):
            if direct:
                far_writer.write(b"POST /grpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
                await far_reader.readuntil(b"\r\n\r\n")
            if spoken == "h2" or not direct:
                await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        cut_now(writer, far_writer)

    def cut_now(*ends: asyncio.StreamWriter) -> None:
        for end in ends:
            end.transport.abort()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    starting = asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    try:
        port = server.sockets[0].getsockname()[1]
        address = Address(host="127.0.0.1", port=port, tls=trusted.tls())
        yield address, lambda: _soon(loop, cut_now, *open_ends)
    finally:
        _soon(loop, server.close)
        _soon(loop, cut_now, *open_ends)
        _soon(loop, loop.call_later, 0.1, loop.stop)
        thread.join(10)
        loop.close()


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    loop.call_soon_threadsafe(call, *arguments)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()


@pytest.fixture(params=[False, True], ids=["docker", "buildkitd"])
def over(request: pytest.FixtureRequest, local: Engine, sockets: Any) -> tuple[Path, bool]:
    """An engine's socket, and whether it is to be reached as a buildkitd; Docker 26 plays that part."""
    if not request.param:
        return local.socket, False
    return sockets("ready", lambda: request.getfixturevalue("ready")), True


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "trusted")


@pytest.mark.engine
def test_builds_over_tcp_with_certificates_on_both_sides(
    over: tuple[Path, bool], trusted: Authority, tmp_path: Path
) -> None:
    target, direct = over
    (tmp_path / "large").write_bytes(os.urandom(5 * 2**20))
    state = sh(Files(BASE, (CopyAction(LocalSource("context"), "/", "/app"),)), "sha256sum </app/large")
    sink = Recorder()
    with over_tls(target, trusted, direct=direct) as (address, _):
        assert engine_info(address).kind == ("buildkit" if direct else "docker")
        assert [worker.platforms[0] for worker in workers(address)] == ["linux/amd64"]
        build(define(state, tmp_path), address, "ez-test/over-tls:1", sink=sink)
    Engine("far", target, made=["ez-test/over-tls:1"]).forget()
    assert hashlib.sha256((tmp_path / "large").read_bytes()).hexdigest() in sink.lines[0]


@pytest.mark.engine
def test_certificates_that_are_not_right(over: tuple[Path, bool], trusted: Authority, tmp_path: Path) -> None:
    target, direct = over
    other = authority(tmp_path / "other")

    def refusal(address: Address) -> tuple[str, str]:
        with pytest.raises(EngineError) as caught:
            workers(address)
        assert str(address) in caught.value.message or "cannot be used" in caught.value.message
        return caught.value.message, caught.value.hint or ""

    with over_tls(target, trusted, direct=direct) as (address, _):
        right = address.tls
        assert right is not None
        message, hint = refusal(replace(address, tls=replace(right, authority=other.file)))
        assert "not to be trusted" in message
        assert "ca.pem" in hint
        message, hint = refusal(replace(address, tls=Tls(right.authority)))
        assert "asks for a client certificate" in message
        assert "cert.pem" in hint
        certificate, key = other.issue("stranger")
        assert (
            "does not accept the client certificate"
            in refusal(replace(address, tls=Tls(right.authority, certificate, key)))[0]
        )
        (tmp_path / "empty.pem").touch()
        message, _ = refusal(replace(address, tls=replace(right, certificate=tmp_path / "empty.pem")))
        assert "the TLS files of the engine cannot be used" in message
    with over_tls(target, trusted, direct=direct, name="engine.example") as (address, _):
        assert "is for another host" in refusal(address)[0]
    assert "is stopped" in refusal(address)[0]


@pytest.mark.engine
def test_a_tcp_connection_cut_in_the_middle(over: tuple[Path, bool], trusted: Authority) -> None:
    target, direct = over
    with over_tls(target, trusted, direct=direct) as (address, cut):

        class Cutter(Recorder):
            def __call__(self, event: Event) -> None:
                super().__call__(event)
                if "running" in self.lines:
                    cut()

        begun = time.monotonic()
        with pytest.raises(EngineError, match="broke off"):
            build(define(sh(BASE, f"echo running; sleep 60; echo {uuid.uuid4()}")), address, "x:1", sink=Cutter())
        assert time.monotonic() - begun < 20


@pytest.mark.engine
def test_a_session_that_the_engine_drops(
    over: tuple[Path, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that the build runs on stays; only the session in it, or beside it, ends."""
    target, direct = over
    sink = Recorder()
    answer = Health._check

    async def check(self: Health, stream: Any) -> None:
        if "running" in sink.lines:
            raise GRPCError(Status.UNAVAILABLE, "ill")
        await answer(self, stream)

    monkeypatch.setattr(Health, "_check", check)
    opened = relayed(target, tmp_path / "d.sock", connect=upgraded if direct else plainly)
    begun = time.monotonic()
    with opened as (path, _), pytest.raises(EngineError, match=r"broke off|lost the build's session"):
        build(define(sh(BASE, f"echo running; sleep 60; echo {uuid.uuid4()}")), Address.unix(path), "x:1", sink=sink)
    assert time.monotonic() - begun < 20
