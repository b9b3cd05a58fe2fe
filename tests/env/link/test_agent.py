"""What passes to the person's agent: lists and signatures, recorded; to the newest one that answers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from socket import AF_UNIX
from socket import socket as Socket

import pytest

from ez.env.credentials.rules import Rule, Rules
from ez.env.credentials.uses import Uses
from ez.env.link.agent import Agent, keys_of
from ez.env.link.service import Keep
from tests.env.link.box import until
from tests.testbed.agent import agent as started

RELAY = Path(__file__).parents[3] / "ez" / "build" / "image" / "scripts" / "relay.pl"


class OneWay:
    """Stands for a connection: the socket inside is the one here."""

    environment = "e"

    def __init__(self) -> None:
        self.local = Path()

    def command(self, remote: str) -> list[str]:
        return ["sh", "-c", remote]

    def outward(self, port: int) -> Path:
        raise NotImplementedError

    def cancel_outward(self, port: int) -> None:
        raise NotImplementedError

    def inward(self, remote: str, local: Path) -> None:
        self.local = local


@pytest.fixture
def keep(home: Path) -> Keep:
    for name in ("s", "r"):
        (home / name).mkdir()
    return Keep("e", "box", "e.box.ez", home / "s", home / "r", home, variables={})


@pytest.fixture
def key(home: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "key")], check=True)
    return home / "key"


@pytest.fixture
def socket(keep: Keep) -> Iterator[tuple[Agent, Path]]:
    service, line = Agent(keep), OneWay()
    service.connected(line)
    yield service, line.local
    service.lost()


def ssh(socket: Path, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    return subprocess.run(command, env=environment, input=given, capture_output=True, check=False, timeout=20)


def test_lists_and_signatures_pass_and_keys_are_not_changed(socket: tuple[Agent, Path], keep: Keep, key: Path) -> None:
    service, path = socket
    sign = ("ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key.with_suffix(".pub")))
    with started([key]) as own:
        key.unlink()
        service.ask(["use", str(own.socket)])
        assert b"refused" in ssh(path, "ssh-add", "-l").stderr  # Not allowed yet.
        Rules(keep.records).change(add=[Rule("agent")])
        assert b"ED25519" in ssh(path, "ssh-add", "-l").stdout
        signed = ssh(path, *sign, given=b"commit")
        assert b"BEGIN SSH SIGNATURE" in signed.stdout, signed.stderr
        for refused in (("ssh-add", "-D"), ("ssh-add", "-x"), ("ssh-add", str(key))):
            ssh(path, *refused, given=b"p\np\n")
        assert keys_of(own.socket) == 1
        (use,) = Uses(keep.records).last(10)
        fingerprint = ssh(path, "ssh-add", "-l").stdout.split()[1].decode()
        assert (use.kind, use.name, use.answer) == ("agent", fingerprint, "signed")
        assert service.ask(["show"]) == {"allowed": True, "socket": str(own.socket), "keys": 1}


def test_an_agent_that_ended_gives_way_to_the_one_before(socket: tuple[Agent, Path], keep: Keep, key: Path) -> None:
    service, path = socket
    Rules(keep.records).change(add=[Rule("agent")])
    with started([key]) as first:
        service.ask(["use", str(first.socket)])
        with started() as second:
            service.ask(["use", str(second.socket)])
            assert ssh(path, "ssh-add", "-l").returncode == 1
        assert ssh(path, "ssh-add", "-l").returncode == 0
    assert b"refused" in ssh(path, "ssh-add", "-l").stderr
    assert service.ask(["show"]) == {"allowed": True, "socket": "", "keys": 0}


def test_the_one_socket_inside_leads_to_the_newest_that_answers(home: Path, key: Path) -> None:
    path = home / "one"
    with ExitStack() as stack:
        relay = stack.enter_context(subprocess.Popen(["perl", str(RELAY), str(path), str(home / "*.agent")]))
        stack.callback(relay.terminate)
        until(path.exists)
        listed = ssh(path, "ssh-add", "-l")
        assert (listed.returncode, listed.stdout) == (1, b"The agent has no identities.\n")
        assert ssh(path, "ssh-add", "-D").returncode == 1

        own = stack.enter_context(started([key]))
        (home / "old.agent").hardlink_to(own.socket)
        # Newer ones: without a key, with nobody behind it, and one whose other side was cut off without a word.
        (home / "empty.agent").hardlink_to(stack.enter_context(started()).socket)
        with Socket(AF_UNIX) as ended:
            ended.bind(str(home / "ended.agent"))
        silent = stack.enter_context(Socket(AF_UNIX))
        silent.bind(str(home / "silent.agent"))
        silent.listen()
        began = time.monotonic()
        assert b"ED25519" in ssh(path, "ssh-add", "-l").stdout
        assert time.monotonic() - began < 4


def test_without_an_announced_agent_the_service_starts(keep: Keep) -> None:
    assert Agent(replace(keep, variables={"SSH_AUTH_SOCK": "not a path"})).ask(["show"]) == {
        "allowed": False, "socket": "", "keys": 0,
    }  # fmt: skip
