"""A connection that is kept, against a real sshd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.config import resolve
from ez.env.doctor_link import link_check
from ez.env.link import keeper as keeper_module
from ez.env.link.connection import Connection
from ez.env.link.keeper import KeeperProcess
from ez.env.link.local import LocalServer
from ez.env.link.places import make_private, records, socket_directory
from ez.env.link.service import Keep, Line
from ez.errors import KeeperError, LinkLostError
from ez.state import EnvironmentRecord, State
from tests.env.link.box import PROBES, SERVICES, Box, box, until


@pytest.fixture
def place(home: Path) -> Iterator[Box]:
    with box(home) as made:
        yield made


def test_a_keeper_that_was_killed_leaves_no_connection(place: Box) -> None:
    """The next one ends it."""
    for folder in (place.keep.sockets, place.keep.records):
        make_private(folder)
    left = Connection.open(place.keep)
    (before,) = place.children()
    with place.kept():
        place.connect()
        until(lambda: before not in place.children() and len(place.children()) == 1)
    assert left.is_lost(5)


def test_the_ways_over_a_connection(place: Box) -> None:
    with place.kept():
        place.connect()
        line: Line = PROBES[-1].lines[0]
        done = subprocess.run(line.command("cat; exit 7"), input=b"in", capture_output=True, check=False)
        assert (done.stdout, done.stderr, done.returncode) == (b"in", b"", 7)

        way = line.outward(place.port)
        assert way == line.outward(place.port)
        assert way.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(way))
            assert client.recv(8) == b"SSH-2.0-"
        line.cancel_outward(place.port)
        assert not way.exists()

        server = LocalServer(place.folder / "here", lambda connection: connection.sendall(b"from home"))
        inside = place.folder / "inside"
        inside.touch()  # Left by a connection that was cut.
        line.inward(str(inside), server.path)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(inside))
            assert client.recv(20) == b"from home"
        server.close()

        with pytest.raises(LinkLostError, match="not possible over the connection"):
            line.inward("/nowhere/socket", server.path)
        assert place.keeper.ask("probe", "a", "b c") == {"said": ["a", "b c"], "lines": 1, "losses": 0}
        with pytest.raises(KeeperError, match="no service"):
            place.keeper.ask("other")
    gone = subprocess.run(line.command("true"), capture_output=True, check=False)
    assert gone.returncode == 255
    assert PROBES[-1].losses == 1


def test_a_lost_connection_is_made_again_and_a_keeper_is_alone(place: Box) -> None:
    with place.kept():
        place.connect()
        assert KeeperProcess(place.keep, lambda: True, SERVICES).run() is False
        (ssh,) = place.children()
        os.kill(ssh, signal.SIGKILL)
        place.connect(times=2)
        assert (len(PROBES[-1].lines), PROBES[-1].losses) == (2, 1)
        assert place.keeper.stop()
        until(lambda: not place.keeper.runs())
    assert not place.keep.sockets.exists()
    assert place.children() == []
    assert not place.keeper.stop()


def test_it_ends_when_nobody_wants_it_or_its_files_are_gone(place: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "LOOK_SECONDS", 0.1)
    with place.kept() as thread:
        place.connect()
        shutil.rmtree(place.keep.records)
        thread.join(10)
        assert not thread.is_alive()
    place.sshd.terminate()
    place.sshd.wait(10)
    with place.kept(is_wanted=lambda: False) as thread:
        thread.join(10)
        assert not thread.is_alive()
    assert "cannot be entered" in (place.keep.records / "keeper.log").read_text()


def test_what_cannot_be_entered_says_why(place: Box) -> None:
    place.keep.records.mkdir(parents=True)
    place.keep.sockets.mkdir(parents=True)
    (place.folder / "known").write_text("")
    with pytest.raises(LinkLostError, match="Host key verification failed") as raised:
        Connection.open(place.keep)
    assert raised.value.hint == "ssh e.box.ez true"


def test_doctor_names_a_connection_that_is_lost(home: Path) -> None:
    settings = resolve(environment={"HOME": str(home)})
    with State(settings.directories.database) as state:
        state.save_environment(EnvironmentRecord("e", "box", status="running"))
    assert link_check(settings).detail == "0, of 1 environments that run"
    own, ssh = settings.directories.state, ("ssh", "-F", "/dev/null", "-o", "ProxyCommand=false")
    places = socket_directory(own, "e", "box"), records(own, "e", "box")
    process = KeeperProcess(Keep("e", "box", "e.box.ez", *places, own, ssh, dict(os.environ)), lambda: True, SERVICES)
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        until(lambda: link_check(settings).status == "warning")
        found = link_check(settings)
        assert "`e.box.ez` cannot be entered" in found.detail
        assert found.fix == "ez env link start e -c box"
    finally:
        process.stop()
        thread.join(20)
