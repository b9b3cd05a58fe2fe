"""What passes to the person's agent: lists and signatures, recorded; to the newest one that answers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from socket import AF_UNIX
from socket import socket as Socket

import pytest

from ez.env.credentials.rules import Rule, Rules
from ez.env.credentials.uses import Uses
from ez.env.link.agent import Agent
from ez.env.link.announced import announced
from ez.env.link.frames import frame, read_frame
from ez.env.link.messages import ASK_IDENTITIES, FAILURE, IDENTITIES, keys_of
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
        assert service.ask(["show"]) == {"allowed": True, "socket": str(own.socket), "keys": 1, "waiting": 0}


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
    assert service.ask(["show"]) == {"allowed": True, "socket": "", "keys": 0, "waiting": 0}


def test_who_is_connected_already_is_refused_what_is_allowed_no_longer(
    socket: tuple[Agent, Path], keep: Keep, key: Path
) -> None:
    service, path = socket
    Rules(keep.records).change(add=[Rule("agent")])
    with started([key]) as own, Socket(AF_UNIX) as held:
        service.ask(["use", str(own.socket)])
        held.connect(str(path))
        kinds = []
        for rule in ("add", "remove", "add"):
            Rules(keep.records).change(**{rule: [Rule("agent")]})
            held.sendall(frame(bytes([ASK_IDENTITIES])))
            kinds.append((read_frame(held, 10_000) or b"?")[0])
        assert kinds == [IDENTITIES, FAILURE, IDENTITIES]


def test_a_key_for_connections_from_here_is_not_used_from_inside(
    socket: tuple[Agent, Path], keep: Keep, key: Path
) -> None:
    """`ssh-add -h HOST`: the environment is one hop too many."""
    service, path = socket
    Rules(keep.records).change(add=[Rule("agent")])
    known = key.with_name("known")
    known.write_text(f"git.example.org {key.with_suffix('.pub').read_text()}")
    with started() as own:
        own.add(key, "-h", "git.example.org", "-H", str(known))
        service.ask(["use", str(own.socket)])
        assert keys_of(own.socket) == 1
        assert ssh(path, "ssh-add", "-l").stdout == b"The agent has no identities.\n"


ASKPASS = """\
#!/bin/sh
touch {0}/asked
until [ -e {0}/yes ] || [ -e {0}/no ]; do sleep 0.02; done
rm {0}/asked
[ -e {0}/yes ]
"""


def test_a_key_that_asks_is_asked_for_at_home(socket: tuple[Agent, Path], keep: Keep, key: Path, home: Path) -> None:
    """`ssh-add -c`. Who asks for the list meanwhile gets it, though OpenSSH's agent answers one at a time."""
    service, path = socket
    Rules(keep.records).change(add=[Rule("agent")])
    program = home / "askpass"
    program.write_text(ASKPASS.format(home))
    program.chmod(0o700)
    asks = {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}
    with started(variables=asks) as own, ThreadPoolExecutor(1) as pool:
        own.add(key, "-c")
        service.ask(["use", str(own.socket)])
        for answer, (said, recorded) in {
            "no": ("agent refused operation", "refused"),
            "yes": ("BEGIN SSH", "signed"),
        }.items():
            signing = pool.submit(signed, path, key)
            until((home / "asked").exists)
            began = time.monotonic()
            assert b"ED25519" in ssh(path, "ssh-add", "-l").stdout
            assert service.ask(["show"]) == {"allowed": True, "socket": str(own.socket), "keys": 1, "waiting": 1}
            assert time.monotonic() - began < 1
            (home / answer).touch()
            assert said in signing.result(20)
            assert Uses(keep.records).last(1)[0].answer == recorded
            (home / answer).unlink()


def test_a_security_key_is_touched_at_home(socket: tuple[Agent, Path], keep: Keep, home: Path) -> None:
    """The middleware is a stand-in; the key's kind, OpenSSH's agent and its helper are real."""
    service, path = socket
    Rules(keep.records).change(add=[Rule("agent")])
    source, library = Path(__file__).with_name("security_key.c"), home / "security_key.so"
    touched = home / "touched"
    build = ("cc", "-shared", "-fPIC", f'-DTOUCHED="{touched}"', "-o", str(library), str(source), "-l:libcrypto.so.3")
    subprocess.run(build, check=True)
    key = home / "sk"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519-sk", "-N", "", "-w", str(library), "-f", str(key)], check=True)
    with started(options=("-P", f"{home}/*")) as own, ThreadPoolExecutor(1) as pool:
        own.add(key, "-S", str(library))
        key.unlink()
        service.ask(["use", str(own.socket)])
        signing = pool.submit(signed, path, key)
        until(lambda: service.ask(["show"]) == {"allowed": True, "socket": str(own.socket), "keys": 1, "waiting": 1})
        assert b"ED25519-SK" in ssh(path, "ssh-add", "-l").stdout
        touched.touch()
        (home / "signature").write_text(signing.result(20))
        check = ("ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", str(home / "signature"))
        assert b"Good" in ssh(path, *check, given=b"commit").stdout


def signed(path: Path, key: Path) -> str:
    """What OpenSSH says when it is to sign as Git has it sign, with the agent at `path`."""
    done = ssh(path, "ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key.with_suffix(".pub")), given=b"commit")
    return (done.stdout + (done.stderr if done.returncode else b"")).decode()


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("", "/of/variable"),
        ("SSH_AUTH_SOCK", "/of/variable"),
        ("none", ""),
        ("$OTHER", "/of/other"),
        ('"/Users/ann/Group Containers/t/agent.sock"', "/Users/ann/Group Containers/t/agent.sock"),
    ],
)
def test_an_agent_of_the_configuration_comes_first(home: Path, setting: str, found: str) -> None:
    (home / "config").write_text(f"Host *\n{f'IdentityAgent {setting}' if setting else ''}\n")
    variables = {**os.environ, "SSH_AUTH_SOCK": "/of/variable", "OTHER": "/of/other"}
    assert announced(("ssh", "-F", str(home / "config")), "e.box.ez", variables) == found


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
        "allowed": False, "socket": "", "keys": 0, "waiting": 0,
    }  # fmt: skip
