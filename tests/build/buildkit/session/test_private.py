"""Secrets, agents and uploads in steps of real engines."""

import hashlib
import io
import os
import struct
import subprocess
import uuid
from pathlib import Path

import paramiko
import pytest
from grpclib.exceptions import GRPCError

from ez.build.buildkit.session.agent import Agent
from ez.build.buildkit.session.export import FileSend, ToDirectory
from ez.build.buildkit.session.secrets import Secrets
from ez.build.buildkit.session.server import Service
from ez.build.graph import CopyAction, Files, HttpSource, Scratch, SecretMount, SshMount, State
from ez.build.keys import LIST_KEYS, REFUSED, SIGN
from ez.build.order import Output
from ez.build.secrets import Secret, SshAgent
from tests.testbed.agent import agent

from ..conftest import BASE, Engine, define, sh
from .solving import Asked, solved

pytestmark = pytest.mark.engine

ASK = """
ask() {
    perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0) and connect(S, sockaddr_un($ARGV[0])) or die $!;
        syswrite(S, pack("H*", $ARGV[1])); sysread(S, $head, 4) == 4 or die; $wanted = unpack("N", $head);
        while (length($body) < $wanted) { sysread(S, $body, $wanted, length($body)) or die }
        print unpack("H*", $head . $body)' "$1" "$2" >"/out/$3"
}
mkdir /out
"""


def made(engine: Engine, state: State, services: tuple[Service, ...], folder: Path) -> dict[str, str]:
    """The files that `state` has in /out."""
    result = Files(Scratch(), (CopyAction(state, "/out", "/", contents=True),))
    with FileSend([ToDirectory(folder)]) as exported:
        solved(engine.address, result, (*services, exported), Asked("local"))
    return {path.name: path.read_text() for path in folder.iterdir()}


def string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def request(kind: int, content: bytes = b"") -> str:
    return string(bytes([kind]) + content).hex()


def test_several_agents_list_and_sign_and_do_nothing_else(every_engine: Engine, tmp_path: Path) -> None:
    files = {kind: tmp_path / kind for kind in ("ed25519", "rsa", "ecdsa")}
    for kind, file in files.items():
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(file)]
        subprocess.run(command, check=True, timeout=30)
    keys = {kind: paramiko.PKey.from_path(file) for kind, file in files.items()}
    rsa, data = keys["rsa"], b"signed in a build"
    signing = request(SIGN, string(rsa.asbytes()) + string(data) + struct.pack(">I", 4))
    script = f"""{ASK}
        ask /one {request(LIST_KEYS)} listed
        ask /one {request(19)} removed
        ask /two {request(LIST_KEYS)} files
        ask /two {signing} signed
        ask /two {request(SIGN, string(keys["ed25519"].asbytes()))} unsigned
        # {uuid.uuid4()}"""
    with agent([files["ed25519"]]) as running:
        lent = Agent({"one": SshAgent("one", running.socket), "two": SshAgent("two", keys=tuple(files.values())[1:])})
        state = sh(BASE, script, mounts=(SshMount("/one", "one"), SshMount("/two", "two")))
        found = {name: bytes.fromhex(text) for name, text in made(every_engine, state, (lent,), tmp_path / "o").items()}
    assert keys["ed25519"].asbytes() in found["listed"]
    assert keys["rsa"].asbytes() not in found["listed"]
    assert found["listed"][4] == found["files"][4] == 12
    assert all(keys[kind].asbytes() in found["files"] for kind in ("rsa", "ecdsa"))
    assert found["removed"] == found["unsigned"] == REFUSED
    assert rsa.verify_ssh_sig(data, paramiko.Message(found["signed"][9:]))


def test_secrets_from_each_place(local: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from a file")
    environment = {**os.environ, "TOKEN": "from a variable"}
    values: dict[str, bytes | Secret] = {
        "env": Secret("env", "env", "TOKEN", environment),
        "file": Secret("file", "file", str(tmp_path / "file"), environment),
        "command": Secret("command", "command", "echo from a command", environment),
        "bytes": b"as bytes",
    }
    script = "mkdir /out; for name in env file command bytes; do sha256sum </s/$name >/out/$name; done"
    state = sh(BASE, f"{script} # {uuid.uuid4()}", mounts=tuple(SecretMount(f"/s/{name}", name) for name in values))
    expected = {"env": "from a variable", "file": "from a file", "command": "from a command", "bytes": "as bytes"}
    found = made(local, state, (Secrets(values),), tmp_path / "out")
    assert found == {name: f"{hashlib.sha256(text.encode()).hexdigest()}  -\n" for name, text in expected.items()}


def test_a_secret_or_an_agent_that_fails(local: Engine, tmp_path: Path) -> None:
    secret = Secrets({"x": Secret("x", "command", "sh -c 'echo canary-1f; exit 3'", {**os.environ})})
    with pytest.raises(GRPCError, match=r"secret `x` cannot be read from the command .* ended with exit code 3"):
        solved(local.address, sh(BASE, f"# {uuid.uuid4()}", mounts=(SecretMount("/s", "x"),)), (secret,), None)
    for lent in (SshAgent("default", tmp_path / "absent"), SshAgent("default", keys=(tmp_path / "absent",))):
        state = sh(BASE, f"{ASK} ask /one {request(LIST_KEYS)} x # {uuid.uuid4()}", mounts=(SshMount("/one"),))
        with pytest.raises(GRPCError, match="exit code"):
            solved(local.address, state, (Agent({"default": lent}),), None)
    with pytest.raises(GRPCError, match=r"no SSH agent `other`|no SSH key"):
        solved(local.address, sh(BASE, f"# {uuid.uuid4()}", mounts=(SshMount("/one", "other"),)), (Agent({}),), None)


def test_an_upload_is_a_file_by_http(every_engine: Engine, tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    name = uuid.uuid4().hex
    state = HttpSource(f"http://buildkit-session/{name}", "context.tar")
    out = Output("local", str(tmp_path / "out"))
    every_engine.build(define(state), uploads={name: io.BytesIO(content)}, outputs=(out,))
    assert (tmp_path / "out" / "context.tar").read_bytes() == content
