"""The server of a folder: what a client does in it, and that nothing leads out of it."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ez.env import sftp_wire as wire
from ez.env.shares.jail import Jail
from ez.env.shares.sftp import Server


@pytest.fixture
def folder(home: Path) -> Path:
    path = home / "shared"
    (path / "below").mkdir(parents=True)
    (path / "file").write_text("inside")
    (home / "secret").write_text("outside")
    (home / "outside").mkdir()
    (path / "link").symlink_to("../secret")
    (path / "way-out").symlink_to("../outside")
    os.mkfifo(path / "pipe")
    return path


class Named(socket.socket):
    """What the client expects of a channel."""

    def get_name(self) -> str:
        return "test"


@contextmanager
def client_of(jail: Jail) -> Iterator[paramiko.SFTPClient]:
    ours, far = socket.socketpair()
    near = Named(fileno=ours.detach())
    thread = threading.Thread(target=_serve, args=(jail, far), daemon=True)
    thread.start()
    client = paramiko.SFTPClient(near)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        near.shutdown(socket.SHUT_RDWR)
        near.close()
        thread.join(10)
        jail.close()


def _serve(jail: Jail, end: socket.socket) -> None:
    with end:
        Server(jail).serve(end)


def test_a_client_works_in_it(folder: Path) -> None:
    with client_of(Jail(str(folder))) as client:
        with client.open("/below/new", "w") as file:
            file.write(b"x" * 300_000)
            file.flush()
        assert client.stat("/below/new").st_size == 300_000
        with client.open("/below/new", "a") as file:
            file.write(b"end")
        assert (folder / "below" / "new").read_bytes() == b"x" * 300_000 + b"end"
        client.truncate("/below/new", 5)
        client.utime("/below/new", (1, 2))
        client.chmod("/below/new", 0o4640)
        found = (folder / "below" / "new").stat()
        assert (found.st_size, found.st_mtime, found.st_mode & 0o7777) == (5, 2, 0o640)
        client.posix_rename("/below/new", "/file")
        assert (folder / "file").read_text() == "xxxxx"
        client.mkdir("/made")
        client.rename("/file", "/made/file")
        assert sorted(client.listdir("/made")) == ["file"]
        client.remove("/made/file")
        client.rmdir("/made")
        assert client.readlink("/link") == "../secret"
        assert client.normalize("/below/../x/.") == "/x"
        for number in range(250):
            (folder / "below" / str(number)).touch()
        assert len(client.listdir("/below")) == 250
        with pytest.raises(FileNotFoundError):
            client.stat("/none")


@pytest.mark.parametrize("path", ["/../secret", "/link", "/way-out/x", "/below/../../secret", "/pipe", "/way-out"])
def test_nothing_leads_out_of_it(folder: Path, path: str) -> None:
    with client_of(Jail(str(folder))) as client:
        for mode in ("r", "w", "a"):
            with pytest.raises(OSError, match=r"."):
                client.open(path, mode).close()
        with pytest.raises(OSError, match=r"."):
            client.chmod(path, 0o777)
        with pytest.raises(OSError, match=r"."):
            client.listdir(path)
    assert (folder.parent / "secret").read_text() == "outside"
    assert list((folder.parent / "outside").iterdir()) == []


def test_what_may_only_be_read(folder: Path) -> None:
    with client_of(Jail(str(folder), read_only=True)) as client:
        assert client.open("/file").read() == b"inside"
        for change in (
            lambda: client.open("/file", "w"),
            lambda: client.open("/new", "w"),
            lambda: client.remove("/file"),
            lambda: client.mkdir("/new"),
            lambda: client.rename("/file", "/new"),
            lambda: client.chmod("/file", 0o600),
            lambda: client.symlink("a", "/new"),
        ):
            with pytest.raises(OSError, match=r"."):
                change()
    assert sorted(path.name for path in folder.iterdir()) == ["below", "file", "link", "pipe", "way-out"]


def test_a_repo_whose_folder_became_a_link(folder: Path) -> None:
    Jail(str(folder / "below"), below=str(folder.parent)).close()
    (folder / "below").rmdir()
    (folder / "below").symlink_to("../outside")
    with pytest.raises(OSError, match=r"."):
        Jail(str(folder / "below"), below=str(folder.parent))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60)), max_size=6), st.binary(max_size=20))
def test_nonsense_ends_the_connection_and_nothing_else(sent: list[tuple[int, bytes]], rest: bytes) -> None:
    near, far = socket.socketpair()
    jail = Jail("/usr/share/zoneinfo", read_only=True)
    with near, far:
        near.sendall(b"".join(wire.message(kind, body) for kind, body in sent) + rest)
        near.shutdown(socket.SHUT_WR)
        try:
            Server(jail).serve(far)
        except ValueError:
            pass
        finally:
            jail.close()


def test_sshfs_mounts_it(folder: Path, home: Path) -> None:
    """The real client, with tools that people use."""
    place = home / "mounted"
    place.mkdir()
    near, far = socket.socketpair()
    jail = Jail(str(folder))
    thread = threading.Thread(target=_serve, args=(jail, near), daemon=True)
    thread.start()
    sshfs = subprocess.Popen(
        ["sshfs", "ez:/", str(place), "-f", "-o", "passive"], stdin=far.fileno(), stdout=far.fileno()
    )
    far.close()
    try:
        while not os.path.ismount(place):
            assert sshfs.poll() is None
        author = "-c user.name=a -c user.email=a@b"
        run = f"cd below && git init -q . && echo 1 >a && git add a && git {author} commit -qm x && df . && git fsck"
        subprocess.run(["sh", "-ec", run], cwd=place, check=True, capture_output=True, timeout=60)
        with pytest.raises(OSError, match=r"."):
            os.rename(place / "file", place / "below")
        (place / "copy").write_bytes(os.urandom(3_000_000))
        assert (place / "copy").read_bytes() == (folder / "copy").read_bytes()
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(place)], check=True)
        sshfs.wait(20)
        thread.join(10)
        jail.close()
