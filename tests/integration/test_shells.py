"""Files, ports and shells of one environment, as its person has them at home."""

from __future__ import annotations

import http.client
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ez.env.mosh import mosh_command, try_out
from ez.errors import HostError
from tests.cli.terminal import Terminal
from tests.env.link.box import until
from tests.integration.person import Person
from tests.integration.places import Place, cleaned, commit, write_files
from tests.testbed import Testbed, TestComputer

NAME = "t-shells"
BUILD = """\
# syntax=v1

def build():
    base(image="ubuntu:22.04", dev=True)
    runtime.expose(envd_port=7001)
"""


@dataclass(frozen=True)
class Opened:
    """An environment that keeps no connection until a test has it do so."""

    person: Person
    place: Place
    tree: Path

    def inside(self, script: str) -> str:
        """Run a shell script in the container past SSH."""
        return self.place.root(f"docker exec -u envd ez-{NAME} sh -c {shlex.quote(script)}", check=False)

    def serve(self, port: int) -> None:
        self.place.serve(NAME, port, "127.0.0.1")

    def ports(self) -> dict[int, dict[str, Any]]:
        return {one["port"]: one for one in self.person.ez("env", "ports", NAME, "--json").json}


@pytest.fixture(scope="module")
def opened(testbed: Testbed, ready: TestComputer) -> Iterator[Opened]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ez-home-")))
        agent = stack.enter_context(testbed.agent(client_key=True))
        person = Person(home, agent.environment)
        tree = commit(write_files(home / "work", {"build.envd": BUILD, "notes/one.txt": "1\n"}))
        # By the address that UDP gets to as well.
        person.knows(f"{ready.address} {ready.host_key}")
        person.ez("compute", "add", "box", f"{ready.user}@{ready.address}")
        place = stack.enter_context(cleaned(Place("box", ready)))
        person.ez("env", "go", str(tree), "-c", "box", "--name", NAME, "--no-open")
        stack.callback(person.ez, "env", "link", "stop", NAME, code=None)
        yield Opened(person, place, tree)


def fetched(port: int, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Host": host})
    reply = connection.getresponse()
    return reply.status, reply.read()


def test_files_go_in_and_come_out(opened: Opened) -> None:
    person, data = opened.person, os.urandom(5_000_000)
    (opened.tree / "notes" / "big").write_bytes(data)
    done = person.ez("env", "cp", "work/notes", f"{NAME}:~/copied", "--json").json
    assert (done["copied"]["files"], done["copied"]["bytes"]) == (2, 5_000_002)
    opened.inside("cd /home/envd/copied && chmod 640 one.txt && ln -s one.txt link")
    shown = person.ez("env", "cp", ":/home/envd/copied", "../back/", "--progress", "json", cwd=opened.tree)
    assert '"event": "progress"' in shown.stderr
    back = person.home / "back" / "copied"
    assert (back / "big").read_bytes() == data
    assert (os.readlink(back / "link"), (back / "one.txt").stat().st_mode & 0o777) == ("one.txt", 0o640)
    assert person.ez("env", "cp", f"{NAME}:notes/one.txt", "again", "--json").json["copied"]["files"] == 1
    assert "could not be copied" in person.ez("env", "cp", f"{NAME}:nothing", ".", code=1).told


def test_ports_are_seen_and_forwarded_by_hand(opened: Opened) -> None:
    """Without a kept connection."""
    opened.serve(7002)
    until(lambda: opened.ports().keys() == {7002})
    shown = opened.ports()[7002]
    assert (shown["url"], shown["program"]) == ("", "perl")

    running = opened.person.start("env", "forward", NAME, "7002:17002", "--json")
    try:
        until(lambda: answers(17002))
        assert fetched(17002, f"{NAME}.localhost:17002") == (200, b"inside")
        assert fetched(17002, "evil.example")[0] == 403
        taken = opened.person.ez("env", "forward", NAME, "7002:17002", code=1)
        assert "port 17002 of this computer is taken" in taken.told
    finally:
        running.interrupt()
    assert running.wait().code == 130
    assert not answers(17002)


def answers(port: int) -> bool:
    try:
        return fetched(port, "localhost")[0] == 200
    except OSError:
        return False


def test_ports_that_open_later_are_forwarded_by_the_connection_that_is_kept(opened: Opened) -> None:
    person = opened.person
    person.ez("env", "link", "start", NAME)
    opened.serve(7003)
    until(lambda: 7003 in opened.ports())
    opened.serve(7001)
    until(lambda: bool(opened.ports()[7001]["listens"]))
    exposed = opened.ports()[7001]
    assert (exposed["why"], fetched(exposed["here"], f"{NAME}.localhost")) == ("exposed", (200, b"inside"))
    shown = person.ez("env", "info", NAME).stdout
    assert (f"port:      7001 inside is {exposed['url']}" in shown, "(exposed, perl)" in shown) == (True, True)
    assert person.ez("env", "info", NAME, "--json").json["sessions"] == 0
    here = opened.ports()[7003]["here"]
    assert fetched(here, f"{NAME}.localhost") == (200, b"inside")
    assert "7003" in person.ez("env", "ports", NAME).stdout

    asked = person.ez("env", "forward", NAME, "7004:17004", "--background")
    assert asked.stdout == f"7004 inside is http://{NAME}.localhost:17004 (port 17004 here)\n"
    assert fetched(17004, "localhost") == (502, b"ez: nothing answers at that port inside\n")
    opened.serve(7004)
    until(lambda: answers(17004))

    person.ez("env", "forward", NAME, "7004", "--stop")
    again = person.ez("env", "go", str(opened.tree), "-c", "box", "--name", NAME, "--no-open", "--port", "7003:17003")
    assert f"7003 inside is http://{NAME}.localhost:17003" in again.stdout
    assert answers(17003)


def test_a_kept_shell_outlives_its_connection(opened: Opened) -> None:
    """tmux is installed when it is missing; the same shell, with what it knew, is there after the loss."""
    with Terminal(opened.person, "env", "ssh", "--keep", NAME) as terminal:
        terminal.until("install it there now?")
        terminal.send("y\n")
        terminal.until(f"({NAME})")
        terminal.send("mark=kept; echo $mark-$((40 + 2))\n")
        terminal.until("kept-42")
        os.kill(connection_of(terminal), signal.SIGKILL)
        terminal.until("the connection is lost")
        until(lambda: len(opened.inside("tmux list-clients").splitlines()) == 1)
        terminal.send("echo again-$mark-$((50 + 1))\n")
        terminal.until("again-kept-51")
        os.kill(terminal.pid, signal.SIGKILL)
    with Terminal(opened.person, "env", "ssh", "--keep", NAME) as terminal:
        terminal.until("again-kept-51")
        with Terminal(opened.person, "env", "ssh", "--keep", NAME) as other:
            other.until("again-kept-51")
            assert terminal.code() == 0
            other.send("exit 3\n")
            assert other.code() == 0


def test_mosh_gets_in_by_udp_and_says_when_it_cannot(opened: Opened) -> None:
    person, root = opened.person, opened.place.root
    with Terminal(person, "env", "ssh", "--mosh", NAME) as terminal:
        terminal.until("no mosh-server on `box`")
        terminal.until(f"({NAME})")
        terminal.send("exit 5\n")
        assert terminal.code() == 5
    root("apt-get -q update && apt-get install -q -y --no-install-recommends mosh")
    block = "INPUT -p udp --dport 60000:61000 -j DROP"
    root(f"iptables -I {block}")
    ssh = ["ssh", *person.ssh_options]
    with pytest.raises(HostError, match="nothing comes back by UDP"):
        try_out(mosh_command("box", ssh, ["true"]), person.environment, NAME, 3)
    root(f"iptables -D {block}")
    with Terminal(person, "env", "ssh", "--mosh", NAME, LANG="", LC_ALL="C") as terminal:
        terminal.until(f"({NAME})")
        terminal.send("pwd; echo in-$((40 + 2))\n")
        assert f"/home/envd/{NAME}" in terminal.until("in-42")
        terminal.send("exit\n")
        assert terminal.code() == 0


def test_a_stopped_environment_is_told_and_started_when_the_person_says_so(opened: Opened) -> None:
    """Also where another computer of the person has stopped it, so that the index does not know."""
    person, told = opened.person, f"`{NAME}` is stopped"
    opened.place.root(f"docker stop -t 0 ez-{NAME}")
    assert told in person.ez("env", "ssh", NAME, "--", "true", code=1).told
    for words in (
        ("cp", "work/build.envd", f"{NAME}:"),
        ("ports", NAME),
        ("forward", NAME, "7007"),
        ("exec", NAME, "w"),
    ):
        assert told in person.ez("env", *words, code=1).told
    with Terminal(person, "env", "ssh", NAME, "--", "echo in-$((40 + 2))") as terminal:
        terminal.until("start it now?")
        terminal.send("y\n")
        assert "in-42" in terminal.rest()
    assert "no such option" in person.ez("env", "ssh", NAME, "--bad", code=2).told


def connection_of(terminal: Terminal) -> int:
    """The process that OpenSSH speaks to the environment through."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        parents[int(path.parent.name)] = (int(rest.split()[1]), name.partition("(")[2])
    for process, (parent, name) in parents.items():
        if name == "ssh" and parents.get(parent) == (terminal.pid, "ssh"):
            return process
    raise AssertionError(parents)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ssh", NAME, "--keep"), "--keep needs a terminal"),
        (("ssh", NAME, "--keep", "--mosh"), "exclude one another"),
        (("ssh", NAME, "--mosh"), "mosh"),
        (("ssh", NAME, "--session", "x"), "--session is for --keep"),
        (("forward", NAME, "x"), "not a port: `x`"),
        (("forward", NAME, "--background"), "which port?"),
        (("go", ".", "--port", "0"), "not a port: `0`"),
    ],
)
def test_words_that_make_no_sense(words: tuple[str, ...], told: str, opened: Opened) -> None:
    assert told in opened.person.ez("env", *words, code=None).told
