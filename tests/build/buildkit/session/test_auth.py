"""Credentials and tokens: what real engines get, and what nobody does."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from grpclib.const import Handler
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import auth
from ez.build.buildkit.session import credentials
from ez.build.buildkit.session.auth import Auth
from ez.build.buildkit.session.credentials import find_credentials
from ez.build.graph import ImageSource
from ez.models import Network
from tests.testbed import Testbed

from ..conftest import Engine, reaching
from .doors import IDENTITY, PASSWORD, USER, Door, standing
from .solving import solved

CASES = Path(__file__).parents[3] / "cases" / "build"

HELPER = """#!/bin/sh
read -r registry
case "$registry" in
    token.example) echo '{"Username": "<token>", "Secret": "identity"}' ;;
    slow.example) sleep 600 ;;
    endless.example) yes '{"Username": "me", "Secret": "x"}' ;;
    words.example) echo 'credentials not found in native keychain' ;;
    *unknown.example) exit 1 ;;
    *) printf '{"Username": "helped", "Secret": "for %s"}' "$registry" ;;
esac
"""


class Watched(Auth):
    """Remembers what was asked and said."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.said: list[tuple[str, bytes]] = []

    def methods(self) -> dict[str, Handler]:
        return {path: handler._replace(func=self._watch(path, handler)) for path, handler in super().methods().items()}

    def _watch(self, path: str, handler: Handler) -> Any:
        async def watched(stream: Any) -> None:
            send = stream.send_message

            async def say(message: Any) -> None:
                self.said.append((path.rpartition("/")[2], message.SerializeToString()))
                await send(message)

            stream.send_message = say
            await handler.func(stream)

        return watched


def docker_config(folder: Path, host: str, **entry: str) -> Path:
    config = folder / "config.json"
    config.write_text(json.dumps({"auths": {host: entry}}))
    return config


def pull(engine: Engine, door: Door, config: Path, **options: Any) -> Watched:
    service = Watched(config, {door.address}, **options)
    solved(engine.address, ImageSource(f"{door.address}/library/debian:12"), (service,), None)
    return service


@pytest.mark.engine
def test_an_engine_gets_tokens_and_never_the_password(
    every_engine: Engine, testbed: Testbed, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    keys = None if every_engine.name == "local" else tmp_path
    with (
        standing(Door(testbed.registry.host_address), keys) as door,
        reaching(every_engine, request, door.address, door.authority),
    ):
        config = docker_config(tmp_path, door.address, username=USER, password=PASSWORD)
        said = pull(every_engine, door, config, network=Network(ca_bundle=door.authority)).said
        assert {method for method, _ in said} >= {"GetTokenAuthority", "FetchToken"}
        assert not any(PASSWORD.encode() in reply for _, reply in said)
        assert set(door.asked) == {"POST password: repository:library/debian:pull"}


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["without OAuth2", "identity token", "password only", "unreachable from here"])
def test_ways_to_sign_in(local: Engine, testbed: Testbed, tmp_path: Path, kind: str) -> None:
    elsewhere = "http://127.0.0.1:1/token" if kind == "unreachable from here" else ""
    door = Door(testbed.registry.host_address, tokens=kind != "password only", oauth=kind != "without OAuth2")
    with standing(door):
        entry = {"username": USER, "password": PASSWORD}
        if kind == "identity token":
            entry = {"identitytoken": IDENTITY}
        config = docker_config(tmp_path, door.address, **entry)
        if elsewhere:
            door.realm = elsewhere
            with pytest.raises(GRPCError, match=r"authorization failed: `127\.0\.0\.1:1` cannot be reached"):
                pull(local, door, config)
            return
        said = pull(local, door, config).said
    secret = any(PASSWORD.encode() in reply for _, reply in said)
    assert secret == (kind == "password only")
    how = {"without OAuth2": {"GET password"}, "identity token": {"POST refresh_token"}, "password only": set()}
    assert {asked.partition(":")[0] for asked in door.asked} == how[kind]


@pytest.mark.engine
def test_a_wrong_password_and_none(local: Engine, testbed: Testbed, tmp_path: Path) -> None:
    with standing(Door(testbed.registry.host_address)) as door:
        config = docker_config(tmp_path, door.address, username=USER, password="canary-wrong")
        with pytest.raises(GRPCError, match="gives no token: 401 unauthorized") as caught:
            pull(local, door, config)
        assert "canary" not in str(caught.value)
        with pytest.raises(GRPCError, match=r"401|403"):
            pull(local, door, docker_config(tmp_path, "other.example"))
        assert {asked.partition(":")[0] for asked in door.asked} == {"POST ", "GET ", "GET nobody"}


class Question:
    """A call with one message."""

    def __init__(self, message: Any) -> None:
        self.answers: list[Any] = []
        self._message = message

    async def recv_message(self) -> Any:
        return self._message

    async def send_message(self, message: Any) -> None:
        self.answers.append(message)


async def ask(service: Auth, method: str, message: Any) -> Any:
    stream = Question(message)
    await service.methods()[f"/moby.filesync.v1.Auth/{method}"].func(stream)
    return stream.answers[0]


def test_a_token_is_asked_for_where_the_registry_says(tmp_path: Path) -> None:
    async def conversation(door: Door) -> None:
        service = Auth(docker_config(tmp_path, door.address, username=USER, password=PASSWORD), {door.address})
        await ask(service, "GetTokenAuthority", auth.GetTokenAuthorityRequest(host=door.address, salt=b"salt"))
        asked = auth.FetchTokenRequest(host=door.address, realm=f"http://{door.address}/token", scopes=["s"])
        token = await ask(service, "FetchToken", asked)
        assert (token.token, token.expires_in, token.issued_at) == (f"token-{USER}", 300, 1767323045)
        for host, realm in ((door.address, f"http://{other.address}/token"), ("other.example", asked.realm)):
            with pytest.raises(GRPCError, match="not where"):
                await ask(service, "FetchToken", auth.FetchTokenRequest(host=host, realm=realm))
        assert (await ask(service, "Credentials", auth.CredentialsRequest(host=door.address))).secret == ""

    with standing(Door("")) as door, standing(Door("")) as other:
        asyncio.run(conversation(door))
        assert other.asked == []


def test_an_authority_proves_itself_and_is_of_one_build(tmp_path: Path) -> None:
    async def proven(door: Door) -> None:
        config = docker_config(tmp_path, door.address, username=USER, password=PASSWORD)
        service, other = Auth(config, {door.address}), Auth(config, {door.address})
        asked = auth.GetTokenAuthorityRequest(host=door.address, salt=b"salt")
        public, again, another = [
            bytes((await ask(one, "GetTokenAuthority", asked)).public_key) for one in (service, service, other)
        ]
        assert public == again != another
        key = Ed25519PublicKey.from_public_bytes(public)
        proof = auth.VerifyTokenAuthorityRequest(host=door.address, salt=b"salt", payload=b"challenge")
        signed = (await ask(service, "VerifyTokenAuthority", proof)).signed
        assert signed[64:] == b"challenge"
        key.verify(signed[:64], b"challenge")
        with pytest.raises(InvalidSignature):
            key.verify(signed[:64], b"other")

    with standing(Door("")) as door:
        asyncio.run(proven(door))


@pytest.mark.parametrize("case", json.loads((CASES / "credentials.json").read_text()))
def test_credentials(tmp_path: Path, helper: None, case: dict[str, Any]) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(case["config"]))
    assert list(asyncio.run(find_credentials(config, case["registry"]))) == case["gives"]


@pytest.mark.parametrize("registry", ["slow.example", "endless.example"])
def test_a_helper_that_does_not_end_is_ended(
    tmp_path: Path, helper: None, monkeypatch: pytest.MonkeyPatch, registry: str
) -> None:
    monkeypatch.setattr(credentials, "_SECONDS_FOR_HELPER", 0.5)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"credHelpers": {registry: "test"}}))
    started = time.monotonic()
    assert asyncio.run(find_credentials(config, registry)) == ("", "")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("asked", "secret"), [("mine.example", "mine"), ("registry-1.docker.io", "hub"), ("other.example", "")]
)
def test_an_engine_gets_no_credentials_but_those_of_its_build(tmp_path: Path, asked: str, secret: str) -> None:
    config = tmp_path / "config.json"
    entries = {"mine.example": "mine", "other.example": "other", "https://index.docker.io/v1/": "hub"}
    known = {host: {"username": "me", "password": password} for host, password in entries.items()}
    config.write_text(json.dumps({"auths": known}))
    service = Auth(config, {"mine.example", "docker.io"})
    assert asyncio.run(ask(service, "Credentials", auth.CredentialsRequest(host=asked))).secret == secret


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-credential-test"
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
