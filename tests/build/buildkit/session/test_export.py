"""Exports from real engines, and what a hostile one could try."""

import asyncio
import io
import os
import stat
import tarfile
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from grpclib.exceptions import GRPCError
from multidict import MultiDict

from ez.build.buildkit.messages import control, fsutil
from ez.build.buildkit.session import export as session_export
from ez.build.buildkit.session.export import FileSend, Target, ToDirectory, ToFile, ToStream
from ez.build.buildkit.session.files import DATA, ERROR, FINISH, REQUEST, STAT, Files
from ez.build.buildkit.session.modes import git_mode
from ez.build.graph import LocalSource
from ez.errors import BuildError

from ..conftest import Engine
from .solving import Asked, solved

SOURCE = LocalSource("context")


def export(engine: Engine, root: Path, target: Target, exporter: str) -> None:
    with FileSend([target]) as exported:
        solved(engine.address, SOURCE, (Files({"context": root}), exported), Asked(exporter))
        exported.keep()


def facts(root: Path) -> dict[str, tuple[str, int, bytes | str]]:
    """Modes without the bits that are not exported, and contents."""
    found: dict[str, tuple[str, int, bytes | str]] = {}
    for path in root.rglob("*"):
        status = path.lstat()
        content: bytes | str = os.readlink(path) if path.is_symlink() else b""
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        kind = stat.filemode(status.st_mode)[0]
        found[path.relative_to(root).as_posix()] = (kind, stat.S_IMODE(git_mode(status.st_mode)) & 0o1777, content)
    return found


@pytest.mark.engine
def test_a_directory_comes_back_as_it_was_sent(every_engine: Engine, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "d").mkdir(parents=True)
    (out / "own").write_text("kept")
    (out / "d.txt").write_text("written over")
    (out / "large").symlink_to(tmp_path / "elsewhere")
    export(every_engine, tree, ToDirectory(out), "local")
    (out / "own").unlink()
    assert facts(out) == facts(tree)
    assert not (tmp_path / "elsewhere").exists()
    assert (out / "same").stat().st_ino == (out / "d" / "e" / "program").stat().st_ino
    assert not (out / "same").stat().st_mode & stat.S_ISUID
    for name in ("d", "d.txt", "link", "large"):
        assert (out / name).lstat().st_mtime == pytest.approx((tree / name).lstat().st_mtime, abs=1)


@pytest.mark.engine
def test_a_file_is_there_as_a_whole_or_not_at_all(local: Engine, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.tar"
    with FileSend([ToFile(out)]) as exported:
        solved(local.address, SOURCE, (Files({"context": tree}), exported), Asked("tar"))
        assert len(list(out.parent.iterdir())) == 1
    assert not list(out.parent.iterdir())
    stream = io.BytesIO()
    export(local, tree, ToStream(stream), "tar")
    export(local, tree, ToFile(out), "tar")
    assert [path.name for path in out.parent.iterdir()] == ["out.tar"]
    assert tarfile.open(out).getnames() == tarfile.open(fileobj=io.BytesIO(stream.getvalue())).getnames()  # noqa: SIM115


def test_a_reader_that_stops_reading_keeps_nobody_from_ending() -> None:
    """A thread that waits in a write could not be ended."""
    reader, writer = os.pipe()

    class Large(Stream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield control.BytesMessage(data=bytes(1 << 20)).SerializeToString()

    async def cancelled() -> None:
        with os.fdopen(reader), os.fdopen(writer, "wb") as pipe:
            (handler,) = FileSend([ToStream(pipe)]).methods().values()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(handler.func(Large([])), 0.5)

    started = time.monotonic()
    asyncio.run(cancelled())
    assert time.monotonic() - started < 5


@pytest.mark.engine
def test_an_export_that_cannot_be_written_fails_the_build(local: Engine, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GRPCError, match=r"cannot write `.*file.*`: (Not a directory|File exists)"):
        export(local, tree, ToFile(tmp_path / "file" / "out.tar"), "tar")
    with pytest.raises(GRPCError, match=r"cannot write `.*file`: File exists"):
        export(local, tree, ToDirectory(tmp_path / "file"), "local")
    (tmp_path / "out" / "d.txt" / "own").mkdir(parents=True)
    with pytest.raises(GRPCError, match=r"cannot write `.*out/d\.txt`: Directory not empty"):
        export(local, tree, ToDirectory(tmp_path / "out"), "local")


class Stream:
    """A call from an engine that says what it likes, and asks for nothing."""

    def __init__(self, packets: Iterable[Any], exporter: str | None = None) -> None:
        self.metadata = MultiDict({} if exporter is None else {"buildkit-attachable-exporter-id": exporter})
        self.answers: list[Any] = []
        self._packets = packets

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for packet in self._packets:
            while packet.type == FINISH and not any(answer.type == FINISH for answer in self.answers):
                await asyncio.sleep(0)
            yield packet.SerializeToString()

    async def send_message(self, message: bytes) -> None:
        self.answers.append(fsutil.Packet.FromString(message))


def entry(path: str, mode: int = 0o644, **fields: Any) -> Any:
    return fsutil.Packet(type=STAT, stat=fsutil.Stat(path=path, mode=mode, **fields))


DIRECTORY, LINK, DEVICE = 1 << 31 | 0o755, 1 << 27 | 0o777, 1 << 26 | 1 << 21 | 0o666
END = fsutil.Packet(type=STAT)


def data(number: int, content: bytes) -> list[Any]:
    return [fsutil.Packet(type=DATA, id=number, data=content), fsutil.Packet(type=DATA, id=number)]


HOSTILE = {
    "a parent": [entry("../out")],
    "a parent on the way": [entry("a", DIRECTORY), entry("a/../../out")],
    "an absolute name": [entry("/tmp/out")],
    "an empty part": [entry("a//b")],
    "a link planted first": [entry("a", LINK, linkname=".."), entry("a/out"), *data(1, b"x")],
    "a link planted before": [entry("planted/out"), *data(0, b"x")],
    "a link that is written through": [entry("a", LINK, linkname="../out"), entry("a"), *data(1, b"x")],
    "a hard link to outside": [entry("a", linkname="../outside")],
    "a hard link by way of a link": [entry("a", linkname="planted/outside")],
    "a device": [entry("a", DEVICE)],
    "a kind that is none": [entry("a", 1 << 19)],
    "contents that were not asked for": [entry("a", DIRECTORY), *data(0, b"x")],
    "out of order": [entry("b"), entry("a")],
    "the same twice": [entry("a"), *data(0, b"x"), entry("a")],
    "an end half-way": [entry("a"), END],
    "an error": [entry("a"), fsutil.Packet(type=ERROR, data=b"disk on fire")],
}


@pytest.mark.parametrize("packets", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_is_written_outside_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packets: list[Any]
) -> None:
    monkeypatch.setattr(session_export, "_SECONDS_TO_END", 0.1)
    out = tmp_path / "made"
    out.mkdir()
    (tmp_path / "outside").write_text("secret")
    (out / "planted").symlink_to("..")
    service = FileSend([ToDirectory(out)])
    (handler,) = service.methods().values()
    with pytest.raises(GRPCError):
        asyncio.run(handler.func(Stream([*packets, END])))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "outside"]
    assert (tmp_path / "outside").read_text() == "secret"
    assert (tmp_path / "outside").stat().st_nlink == 1
    with pytest.raises(BuildError, match="exported nothing"):
        service.keep()


def test_the_conversation_of_a_directory(tmp_path: Path) -> None:
    packets = [entry("d", DIRECTORY), entry("d/f", mod_time=10**18), END, *data(1, b"x"), fsutil.Packet(type=FINISH)]
    stream = Stream(packets, "1")
    service = FileSend([None, ToDirectory(tmp_path)])
    (handler,) = service.methods().values()
    asyncio.run(handler.func(stream))
    assert [(packet.type, packet.id) for packet in stream.answers] == [(REQUEST, 1), (FINISH, 0)]
    assert (tmp_path / "d" / "f").stat().st_mtime_ns == 10**18
    service.keep()
    for number in ("0", "2", "-1", "x"):
        with pytest.raises(GRPCError, match="no output"):
            asyncio.run(handler.func(Stream([], number)))
