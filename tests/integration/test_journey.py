"""The README's promise on machines over SSH: one line, then work inside, with nothing configured there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from ez.models import SshEndpoint
from ez.ssh.connect import open_host
from tests.integration.person import Person
from tests.integration.places import Place, lent
from tests.testbed import GitServer, Relay, Testbed, TestComputer

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello"
DISTANCE = 0.025
"""Seconds one way: 50 ms there and back."""

MOST_ROUND_TRIPS = 8


@pytest.fixture
def example(git_server: GitServer, name: str, home: Path) -> str:
    """The example as a private repo: its address."""
    return git_server.create(name, Path(shutil.copytree(EXAMPLE, home / "example")))


def test_the_whole_journey_on_a_ready_computer(
    place: Place, person: Person, example: str, name: str, git_server: GitServer
) -> None:
    person.ez("env", "go", example, "-c", "box", "--no-open")
    works_inside(person, name)
    pushes_from_inside(person, name, git_server)
    copies_files(person, name)
    forwards_a_port(person, name)
    commands_of_ez(person, name)
    owners_are_right(place, person, name)
    stops_and_starts(place, person, name)
    is_deleted(place, person, name)


def works_inside(person: Person, name: str) -> None:
    done = person.ssh(f"{name}.ez", "python -c 'import numpy; print(numpy.__version__)'")
    assert done.stdout.split(".")[0].isdigit()
    assert person.ssh(f"{name}.{'box'}.ez", "echo $GREETING").stdout == 'Hello from "ez"\n'
    assert person.ssh(f"{name}.ez", "exit 7", code=7).stdout == ""


def pushes_from_inside(person: Person, name: str, git_server: GitServer) -> None:
    person.ssh(f"{name}.ez", f"cd {name} && echo more > more && git add more && git commit -qm more && git push -q")
    assert git_server.git(name, "log", "-1", "--format=%s %an <%ae>") == "more Ann Example <ann@example.org>"


def copies_files(person: Person, name: str) -> None:
    (person.home / "sent").write_text("sent\n")
    person.run("scp", *person.ssh_options, "-q", "sent", f"{name}.ez:{name}/sent")
    person.run("scp", *person.ssh_options, "-q", f"{name}.ez:{name}/sent", "returned")
    assert (person.home / "returned").read_text() == "sent\n"
    (person.home / "batch").write_text(f"cd {name}\nrename sent renamed\nls\n")
    assert "renamed" in person.run("sftp", *person.ssh_options, "-q", "-b", "batch", f"{name}.ez").stdout


def forwards_a_port(person: Person, name: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes", "-N", "-L", f"{port}:127.0.0.1:8000"]
    command = ["ssh", *person.ssh_options, *options, f"{name}.ez"]
    with subprocess.Popen(command, env=person.environment, stderr=subprocess.DEVNULL) as tunnel:
        try:
            assert b"build.envd" in fetched(f"http://127.0.0.1:{port}/")
        finally:
            tunnel.terminate()


def fetched(url: str) -> bytes:
    """The page, as soon as somebody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while True:
        try:
            with opener.open(url, timeout=5) as reply:
                return bytes(reply.read())
        except OSError:
            assert time.monotonic() < deadline, f"nobody answers: {url}"
            time.sleep(0.1)


def commands_of_ez(person: Person, name: str) -> None:
    assert person.ez("env", "exec", name, "--", "python", "-c", "import os; print(os.getcwd())").stdout == (
        f"/home/envd/{name}\n"
    )
    assert (
        person.ez("env", "exec", name, "--", "printf", "%s|", "two words", "$HOME", ";").stdout == "two words|$HOME|;|"
    )
    person.ez("env", "exec", name, "--", "sh", "-c", "exit 9", code=9)
    person.ez("env", "ssh", name, "--", "exit 5", code=5)
    shown = person.ez("env", "info", name, "--json").json
    assert shown["status"] == "running"
    assert shown["services"] == ["daemon_0"]
    assert [port["container"] for port in shown["environment"]["ports"]] == [8000]
    assert shown["environment"]["ports"][0]["address"] == "127.0.0.1"
    assert "GET /" in person.ez("env", "logs", name, "daemon_0").stdout
    assert "daemon_0" in person.ez("env", "logs", name, "nothing", code=1).told


def owners_are_right(place: Place, person: Person, name: str) -> None:
    """The same files are the login user's outside and envd's inside."""
    assert place.computer is not None
    assert person.ssh(f"{name}.ez", f"touch {name}/made && stat -c %U:%G {name}/made").stdout == "envd:envd\n"
    seen = place.root(f"find /home/{place.computer.user}/ez/{name} -printf '%u:%g\\n' | sort -u")
    assert seen == f"{place.computer.user}:{place.computer.user}\n"


def stops_and_starts(place: Place, person: Person, name: str) -> None:
    person.ez("env", "stop", name)
    assert place.container(name)["State"]["Running"] is False
    assert person.environments()[name]["status"] == "exited"
    person.ez("env", "start", name)
    assert person.ssh(f"{name}.ez", f"cat {name}/more").stdout == "more\n"


def is_deleted(place: Place, person: Person, name: str) -> None:
    deleted = person.ez("env", "delete", name, "--yes", "--work-tree", "--json").json
    assert deleted["removed"] == ["container", "image", "tree", "alias"]
    assert deleted["saved"][0]["changes"] > 0
    assert place.containers(name) == {}
    assert place.images(name) == set()
    assert place.root("ls -A /home/dev/ez /home/dev/ez/.ez").count(name) == 0
    assert person.environments() == {}
    person.ssh(f"{name}.ez", "true", code=255)
    assert name not in (person.home / ".ssh" / "ez" / "config").read_text()
    assert name not in (person.home / ".ssh" / "ez" / "known_hosts").read_text()


def test_a_second_go_does_nothing_and_needs_few_round_trips(place: Place, person: Person, repo: str, name: str) -> None:
    computer = place.computer
    assert computer is not None
    with Relay((computer.host, computer.port)) as relay:
        person.knows(f"[{relay.host}]:{relay.port} {computer.host_key}")
        person.ez("compute", "add", "far", f"{computer.user}@{relay.address}")
        person.ez("env", "go", repo, "-c", "far", "--no-open")
        container, images = place.containers(name), place.images(name)
        relay.latency = DISTANCE
        relay.reset_counters()
        again = person.ez("env", "go", repo, "-c", "far", "--no-open", "--json")
        total = relay.round_trips
        relay.reset_counters()
        logs_in(computer, relay, person)
        handshake = relay.round_trips
        first = person.ssh(f"{name}.ez", "true").seconds
        repeated = person.ssh(f"{name}.ez", "true").seconds
        person.run("ssh", *person.ssh_options, "-O", "exit", f"{name}.ez")
        person.run("ssh", *person.ssh_options, "-O", "exit", "ez-far")
    sys.stdout.write(
        f"50 ms away: warm go {again.seconds:.2f} s, {total - handshake} round trips after the {handshake} of the"
        f" handshake; ssh {first:.2f} s, repeated {repeated:.2f} s\n"
    )
    assert again.json["changed"] == []
    assert place.containers(name) == container
    assert place.images(name) == images
    assert total - handshake <= MOST_ROUND_TRIPS


def logs_in(computer: TestComputer, relay: Relay, person: Person) -> None:
    endpoint = SshEndpoint(relay.host, relay.port, computer.user, None, (computer.host_key,))
    agent = Path(person.variables["SSH_AUTH_SOCK"])
    open_host(
        "far",
        endpoint,
        environment=person.environment,
        home=person.home,
        agent_socket=agent,
        config_file=person.ssh_config,
    ).close()


def test_a_bare_computer_is_made_ready_on_the_way_also_after_a_kill(
    computers: Callable[..., TestComputer], person: Person, repo: str, name: str, testbed: Testbed
) -> None:
    computer = computers("bare")
    forget_registry(computer)
    mirror = f"http://{testbed.registry.address}"
    with lent(computer, person, "new") as place:
        go = ("env", "go", repo, "-c", "new", "--no-open")
        killed = person.start(*go, EZ_REGISTRY_MIRROR=mirror)
        killed.until("-> install Docker Engine")
        killed.kill()
        person.ez(*go, EZ_REGISTRY_MIRROR=mirror)
        assert list(place.containers(name)) == [f"ez-{name}"]
        assert person.ssh(f"{name}.ez", f"cat {name}/build.envd").stdout.startswith("# syntax=v1")
        assert person.ez("compute", "prepare", "new", "--json", EZ_REGISTRY_MIRROR=mirror).json["changed"] == []


def forget_registry(computer: TestComputer) -> None:
    """Leave it to ez to name the mirror of Docker Hub to the engine."""
    settings = json.loads(computer.exec("cat /etc/docker/daemon.json").stdout)
    kept = {key: value for key, value in settings.items() if "registr" not in key}
    computer.exec("cat > /etc/docker/daemon.json", stdin=json.dumps(kept))


def test_a_private_repo_without_an_agent_is_a_clear_error(place: Place, person: Person, repo: str, name: str) -> None:
    computer = place.computer
    assert computer is not None
    key = ["--identity", str(computer.identity_file)]
    person.ez("compute", "add", "alone", f"{computer.user}@{computer.host}:{computer.port}", *key, SSH_AUTH_SOCK="")
    failed = person.ez("env", "go", repo, "-c", "alone", "--no-open", code=1, SSH_AUTH_SOCK="")
    assert "let none of your SSH keys in" in failed.told
    assert "ssh-add" in failed.told
    assert place.containers(name) == {}
