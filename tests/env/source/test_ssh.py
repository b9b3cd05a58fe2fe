"""The source step on a real computer: SSH, a forwarded agent, a Git server that lets in one key only."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ez.env.reference import parse_reference
from ez.env.source import Source, bring, fetch_more
from ez.errors import SourceError
from ez.events import CommandRun, Event, Notice
from ez.models import SshEndpoint
from ez.ssh.connect import open_host
from ez.ssh.host import Host
from tests.env.source.places import Tree
from tests.testbed import Agent, GitServer, TestComputer


@contextmanager
def opened(computer: TestComputer, home: Path, agent: Path | None, events: list[Event]) -> Iterator[Host]:
    endpoint = SshEndpoint(
        computer.host, computer.port, computer.user, str(computer.identity_file), (computer.host_key,)
    )
    host = open_host(
        "box",
        endpoint,
        environment={"PATH": os.environ["PATH"]},
        home=home,
        agent_socket=agent,
        sink=events.append,
        config_file=Path("/dev/null"),
    )
    with closing(host):
        yield host


@pytest.fixture
def name() -> str:
    """An environment of this test's own on a shared computer."""
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def box(ready: TestComputer, home: Path, agent: Agent, events: list[Event]) -> Iterator[Host]:
    with opened(ready, home, agent.socket, events) as host:
        yield host


@pytest.fixture
def url(git_server: GitServer, here: Tree, name: str) -> Iterator[str]:
    here.write("build.envd", "def build():\n    base(os='ubuntu22.04', language='python3')\n")
    here.commit("build file")
    yield git_server.create(name, here.path)
    git_server.remove(name)


def clone(host: Host, url: str, name: str, cache: Path, known_hosts: str, agent: bool = True) -> Source:
    return bring(host, parse_reference(url, Path("/")), name, cache=cache, known_hosts=known_hosts, agent=agent)


def scripts(events: list[Event]) -> int:
    return sum(isinstance(event, CommandRun) for event in events)


def test_a_private_repo_is_cloned_with_the_persons_agent(
    box: Host,
    url: str,
    name: str,
    cache: Path,
    git_server: GitServer,
    here: Tree,
    ready: TestComputer,
    events: list[Event],
) -> None:
    source = clone(box, url, name, cache, git_server.known_hosts)
    assert source.checkout.path == f"/home/dev/ez/{name}"
    assert source.checkout.commit == here.git("rev-parse", "HEAD").strip()
    assert (source.directory / "build.envd").read_bytes() == (here.path / "build.envd").read_bytes()
    assert ready.ssh("find ~ -xdev -name 'id_*' -o -xdev -name '*.pem'").stdout == ""

    events.clear()
    again = clone(box, url, name, cache, git_server.known_hosts)
    assert again.checkout.detail == ""
    assert scripts(events) == 1


def test_without_the_agent_the_server_refuses(
    box: Host, url: str, name: str, cache: Path, git_server: GitServer, ready: TestComputer
) -> None:
    with pytest.raises(SourceError, match="let none of your SSH keys in") as caught:
        clone(box, url, name, cache, git_server.known_hosts, agent=False)
    assert "ssh-add" in (caught.value.hint or "")
    assert ready.ssh(f"ls -A ~/ez/{name}", check=False).stdout == ""


def test_a_server_whose_key_is_not_known_is_refused(
    box: Host, url: str, name: str, cache: Path, git_server: GitServer
) -> None:
    with pytest.raises(SourceError, match=f"not known: `{git_server.host}`") as caught:
        clone(box, url, name, cache, "")
    assert "ssh -T git@" in (caught.value.hint or "")
    other = git_server.known_hosts.replace(git_server.host_key.split()[1], _other_key(git_server))
    with pytest.raises(SourceError, match="another host key"):
        clone(box, url, name, cache, other)


def test_a_repo_that_is_not_there_says_so(box: Host, name: str, cache: Path, git_server: GitServer) -> None:
    with pytest.raises(SourceError, match="no such repo"):
        clone(box, git_server.url(f"no-{name}"), name, cache, git_server.known_hosts)


def test_a_directory_is_carried_over_a_real_link(
    box: Host, here: Tree, name: str, cache: Path, ready: TestComputer, events: list[Event]
) -> None:
    here.write("build.envd", "def build():\n    io.copy('data set', '/data')\n")
    here.write("src/main.py", "print(2)\n")
    here.write("data set/ü", "x" * 300_000)
    here.git("add", "src")
    reference = parse_reference(str(here.path), Path("/"))
    source = bring(box, reference, name, cache=cache)
    status = ready.ssh(f"cd ~/ez/{name} && git status --porcelain=v1 -z && git rev-parse HEAD").stdout
    assert status == here.status() + here.git("rev-parse", "HEAD")
    source = fetch_more(box, source, ["data set"])
    assert (source.directory / "data set/ü").read_text() == "x" * 300_000

    events.clear()
    again = bring(box, reference, name, cache=cache, wanted=["data set"])
    assert scripts(events) == 1
    assert again.fetched == source.fetched


def test_a_full_disk_says_so(
    computers: Callable[..., TestComputer],
    here: Tree,
    home: Path,
    cache: Path,
    agent: Agent,
    events: list[Event],
    git_server: GitServer,
    url: str,
    name: str,
) -> None:
    computer = computers("ready", home_size="8m")
    here.write("large", os.urandom(12_000_000))
    with opened(computer, home, agent.socket, events) as host:
        reference = parse_reference(str(here.path), Path("/"))
        with pytest.raises(SourceError, match="the disk of `box` is full"):
            bring(host, reference, name, cache=cache)
        (here.path / "large").unlink()
        assert bring(host, reference, name, cache=cache).checkout.branch == "main"


def test_a_missing_git_says_so(
    bare: TestComputer, here: Tree, home: Path, cache: Path, agent: Agent, events: list[Event], name: str
) -> None:
    with opened(bare, home, agent.socket, events) as host, pytest.raises(SourceError, match="no Git on `box`"):
        bring(host, parse_reference(str(here.path), Path("/")), name, cache=cache)
    assert not [event for event in events if isinstance(event, Notice)]


def _other_key(git_server: GitServer) -> str:
    """A well-formed ed25519 key that is not the server's."""
    blob = git_server.host_key.split()[1]
    return blob[:-4] + ("AAAA" if blob[-4:] != "AAAA" else "BBBB")
