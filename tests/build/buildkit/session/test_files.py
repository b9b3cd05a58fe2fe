"""Files sent to real engines, and what happens to them on the way."""

import json
import os
import resource
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from grpclib.exceptions import GRPCError

from ez.build import tree
from ez.build.buildkit.session import files
from ez.build.buildkit.session.export import FileSend, ToFile
from ez.build.buildkit.session.files import Files
from ez.build.buildkit.session.modes import git_mode
from ez.build.graph import BindMount, CopyAction, LocalSource, Note, Position
from ez.build.graph import Files as FilesState
from ez.errors import StepError

from ..conftest import BASE, Engine, define, sh
from .solving import Asked, solved

SOURCE = LocalSource("context")


def sent(engine: Engine, root: Path, source: LocalSource = SOURCE, key: str = "") -> Files:
    service = Files({"context": root})
    solved(engine.address, source, (service,), None, key or str(root))
    return service


@pytest.mark.engine
def test_every_kind_of_file_arrives(every_engine: Engine, tree: Path, tmp_path: Path) -> None:
    tar = tmp_path / "out.tar"
    with FileSend([ToFile(tar)]) as exported:
        solved(every_engine.address, SOURCE, (Files({"context": tree}), exported), Asked("tar"))
        exported.keep()
    with tarfile.open(tar) as opened:
        found = {member.name: member for member in opened}
        assert opened.extractfile("large").read() == (tree / "large").read_bytes()  # type: ignore[union-attr]
    expected = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*")}
    assert found.keys() == expected.keys()
    for name, path in expected.items():
        status = path.lstat()
        assert (found[name].mode & 0o7777, found[name].uid) == (git_mode(status.st_mode) & 0o7777, 0)
        assert found[name].mtime == pytest.approx(status.st_mtime, abs=1)
    assert (found["link"].linkname, found["nowhere"].linkname) == ("d/e/program", "/absent/é")
    assert found["pipe"].isfifo()
    assert found["same"].islnk()
    assert found["same"].linkname == "d/e/program"
    assert found["d/e/program"].size == 3


@pytest.mark.engine
def test_only_what_changed_travels(every_engine: Engine, tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"d{number % 20}").mkdir(exist_ok=True)
        (tmp_path / f"d{number % 20}" / f"{number}").write_text("x" * 100)
    assert sent(every_engine, tmp_path).sent == 200_000
    (tmp_path / "d7" / "7").write_text("changed")
    assert sent(every_engine, tmp_path).sent == len("changed")
    assert sent(every_engine, tmp_path).sent == 0


@pytest.mark.engine
def test_what_the_repo_ignores_is_not_sent(local: Engine, tmp_path: Path) -> None:
    for name in ("kept", "dropped", "spared", "inside/dropped"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".dockerignore").write_text("**/dropped\nspared\n!spared\n.dockerignore\n")
    assert sent(local, tmp_path).sent == len("keptspared")
    assert sent(local, tmp_path, LocalSource("context", ("dropped",))).sent == 0


def gone(victim: Path) -> None:
    victim.unlink()


def directory(victim: Path) -> None:
    victim.unlink()
    victim.mkdir()


def pipe(victim: Path) -> None:
    victim.unlink()
    os.mkfifo(victim)


def link(victim: Path) -> None:
    victim.unlink()
    victim.symlink_to("/etc/hostname")


def link_above(victim: Path) -> None:
    victim.parent.rename(victim.parent.with_name("moved"))
    victim.parent.symlink_to("/etc")


@pytest.mark.engine
@pytest.mark.parametrize("change", [gone, directory, pipe, link, link_above], ids=lambda change: change.__name__)
def test_a_file_that_is_replaced_while_it_is_sent(
    local: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    victim = tmp_path / "data" / "hostname"
    victim.parent.mkdir()
    victim.write_text("mine")
    opened = tree.open_below

    def first_change_it(root: Path, path: str, flags: int) -> int:
        if path == "data/hostname":
            change(victim)
        return opened(root, path, flags)

    monkeypatch.setattr(files, "open_below", first_change_it)
    started = time.monotonic()
    with pytest.raises(GRPCError, match=r"`data(/hostname)?`") as caught:
        sent(local, tmp_path)
    assert time.monotonic() - started < 10
    assert "cannot read" in str(caught.value.message) or "changed while it was sent" in str(caught.value.message)


@pytest.mark.engine
def test_a_file_that_grows_while_it_is_sent(local: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "log"
    victim.write_bytes(bytes(2 << 20))
    check = files._check_unchanged

    def first_write(path: str, *arguments: object) -> None:
        with victim.open("ab") as file:
            file.write(b"more")
        check(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "_check_unchanged", first_write)
    with pytest.raises(GRPCError, match="`log` changed while it was sent"):
        sent(local, tmp_path)


@pytest.mark.engine
def test_what_cannot_be_sent_is_named_at_its_line(local: Engine, tmp_path: Path) -> None:
    note = Note("files", Position("build.envd", 3))
    state = FilesState(BASE, (CopyAction(LocalSource("context", note=note), "/", f"/{uuid.uuid4()}"),), note)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).touch()
    with pytest.raises(StepError, match=r"a file's name is not UTF-8: `b'\\+xff'`") as caught:
        local.build(define(state, tmp_path))
    assert caught.value.line == 3


@pytest.mark.engine
def test_an_unreadable_file_is_named(local: Engine) -> None:
    """As somebody who may use the engine and nothing else, since root may read everything."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "key").write_text("x")
        (Path(folder) / "key").chmod(0)
        me, group = os.geteuid(), os.getegid()
        if me == 0:
            os.setegid(local.socket.stat().st_gid)
            os.seteuid(65534)
        try:
            with pytest.raises(GRPCError, match="cannot read `key`: Permission denied"):
                sent(local, Path(folder))
        finally:
            os.seteuid(me)
            os.setegid(group)


@pytest.mark.engine
@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_a_file_of_more_than_four_gigabytes(local: Engine, tmp_path: Path) -> None:
    size = (4 << 30) + 5
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(size)
    step = sh(BASE, f'test "$(stat -c %s /context/huge)" = {size}', mounts=(BindMount("/context", SOURCE),))
    service = Files({"context": tmp_path})
    try:
        solved(local.address, step, (service,), None, str(tmp_path))
        assert service.sent == size
    finally:
        for kept in json.loads(local.docker("system", "df", "--verbose", "--format", "{{json .BuildCache}}")):
            if kept["CacheType"] == "source.local" and kept["Size"] == "4.29GB":
                local.docker("builder", "prune", "--force", "--filter", f"id={kept['ID']}")


@pytest.mark.engine
@pytest.mark.thorough
def test_a_hundred_thousand_files_take_little_memory(local: Engine, tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / f"d{folder}").mkdir()
        for file in range(1000):
            (tmp_path / f"d{folder}" / f"{file}").write_text("x")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sent(local, tmp_path).sent == 100_000
    assert sent(local, tmp_path).sent == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
