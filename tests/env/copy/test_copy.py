"""Copies between two directories of this computer, with OpenSSH's own SFTP server between them."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ez.env.copy.ends import parse_route
from ez.env.copy.folder import leads_out
from ez.env.copy.run import Copied, copy
from ez.env.copy.way import Way
from ez.env.copy.work import Tally
from ez.errors import CopyError, EzError, HostUnreachableError, UsageError
from ez.events import Event, null_sink

SERVER = "/usr/lib/openssh/sftp-server"
CUT = "dd bs=64k count=60 2>/dev/null"
"""Passes on at most 4 MB, and each part of it at once."""

LIAR = Path(__file__).with_name("liar.py")
BIG = os.urandom(6_000_000)

Tree = dict[bytes, tuple[int, int, bytes]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is copied from here was changed long ago."""
    monkeypatch.setattr("ez.env.copy.send._now", lambda: 4_000_000_000.0)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def way(there: Path, *server: str) -> Way:
    def run(words: Sequence[str]) -> Sequence[str]:
        return words

    return Way(server or (SERVER,), run, str(there), dict(os.environ))


def copied(there: Path, *texts: str, server: tuple[str, ...] = (), checksum: bool = False) -> Copied:
    return copy(parse_route(list(texts)), way(there, *server), Tally(null_sink), 0o022, checksum=checksum)


def make_tree(top: Path) -> Path:
    """Kinds of entries, names in bytes that are no text, times of long ago."""
    (top / "a" / "deep" / "er").mkdir(parents=True)
    (top / "empty").mkdir(mode=0o750)
    for number in range(100):
        (top / "a" / f"file {number}").write_text(str(number) * number)
    (top / "a" / "deep" / "big").write_bytes(BIG[:1_000_001])
    Path(os.fsdecode(bytes(top) + b"/a/\xff\n'$(x)")).write_text("odd")
    (top / "program").write_text("#!/bin/sh\n")
    (top / "program").chmod(0o755)
    (top / "link").symlink_to("a/deep")
    (top / "a" / "up").symlink_to("../program")
    (top / "-rf").write_text("")
    os.utime(top / "program", (1_000_000_000, 1_000_000_000))
    return top


def tree(top: Path) -> Tree:
    """Each entry's mode, time and content; a directory's time is left out while files come and go in it."""
    found: Tree = {}
    for folder, folders, names in os.walk(bytes(top)):
        for name in (*folders, *names):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            is_file = stat.S_ISREG(status.st_mode)
            data = Path(os.fsdecode(path)).read_bytes() if is_file else b""
            target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else data
            found[path[len(bytes(top)) :]] = (status.st_mode, int(status.st_mtime) if is_file else 0, target)
    return found


def test_a_tree_goes_there_and_comes_back_and_does_so_once(here: Path, there: Path) -> None:
    first = tree(make_tree(here / "tree"))
    sent = copied(there, "tree", "env:")
    assert (sent.files, sent.unchanged) == (106, 0)
    assert tree(there / "tree") == first
    back = copied(there, "env:tree", "back")
    assert (back.files, back.left_out) == (106, ())
    assert tree(here / "back") == first

    assert (copied(there, "tree", "env:").unchanged, copied(there, "tree/.", "env:tree").bytes) == (106, 0)
    (here / "tree" / "program").write_text("changed")
    (here / "tree" / "a" / "file 7").chmod(0o700)
    again = copied(there, "tree", "env:")
    assert (again.files, again.bytes, again.unchanged) == (1, 7, 105)
    assert tree(there / "tree") == tree(here / "tree")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["file", "env:"], "file"),
        (["file", "env:other"], "other"),
        (["file", "env:folder"], "folder/file"),
        (["file", "env:new/deep/"], "new/deep/file"),
        (["file", "second", "env:both"], "both/second"),
        (["tree", "env:tree"], "tree/in"),
        (["tree", "env:folder"], "folder/tree/in"),
        (["tree/.", "env:folder"], "folder/in"),
        (["tree/", "env:new"], "new/in"),
        (["env:file", "."], "file"),
        (["env:file", "other"], "other"),
        (["env:file", "env:second", "both"], "both/second"),
        (["env:tree", "tree"], "tree/in"),
        (["env:tree", "folder"], "folder/tree/in"),
        (["env:tree/.", "folder"], "folder/in"),
        ([":tree", "new/deep/"], "new/deep/tree/in"),
        (["env:fi*", "."], "file"),
        (["env:[fs]*", "both"], "both/second"),
        (["env:t??e/i*", "new/"], "new/in"),
    ],
)
def test_where_a_copy_lands_is_where_cp_puts_it(words: list[str], expected: str, here: Path, there: Path) -> None:
    source, target = (there, here) if words[0].partition("/")[0].count(":") else (here, there)
    for name in ("file", "second", "tree/in"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(name)
    (target / "folder").mkdir()
    copied(there, *words)
    assert (target / expected).read_text() in ("file", "second", "tree/in")
    assert not [path for path in target.rglob("*") if path.name.startswith(".ez-part")]


@pytest.mark.parametrize("words", [["file", "env:"], ["env:file", "."]])
def test_a_change_that_time_and_size_do_not_tell(words: list[str], here: Path, there: Path) -> None:
    """Is found with --checksum."""
    source, target = (here, there) if words[0] == "file" else (there, here)
    first, second = source / "file", target / "file"

    def changed(text: str, seconds: float, *, checksum: bool = False) -> tuple[int, str]:
        first.write_text(text)
        os.utime(first, (seconds, seconds))
        return copied(there, *words, checksum=checksum).files, second.read_text()

    past = 1_000_000_000
    assert changed("old", past) == (1, "old")
    assert changed("new", past) == (0, "old")
    assert changed("new", past, checksum=True) == (1, "new")
    assert changed("new", past + 5, checksum=True) == (0, "new")
    first.chmod(0o700)
    assert copied(there, *words).unchanged == 1
    assert (second.stat().st_mtime, second.stat().st_mode & 0o777) == (past + 5, 0o700)


def test_a_change_in_the_second_of_the_copy_is_found(here: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into an environment when that second is over, out of one by the next copy."""
    file, now = here / "file", 1_000_000_000.0

    async def change(seconds: float) -> None:
        assert seconds == 0.75
        monkeypatch.setattr("ez.env.copy.send._now", lambda: now + 1)
        write("two", now + 0.5)

    def write(text: str, seconds: float) -> None:
        file.write_text(text)
        os.utime(file, (seconds, seconds))

    monkeypatch.setattr("ez.env.copy.send._now", lambda: now + 0.25)
    monkeypatch.setattr("ez.env.copy.send._pause", change)
    write("one", now)
    assert (copied(there, "file", "env:").files, (there / "file").read_text()) == (1, "two")

    file, now = there / "file", time.time() + 60
    write("one", now)
    assert copied(there, "env:file", "back").files == 1
    assert copied(there, "env:file", "back").files == 0
    write("two", now)
    assert (copied(there, "env:file", "back").files, (here / "back").read_text()) == (1, "two")


def test_patterns_are_a_shells(here: Path, there: Path) -> None:
    for name in ("a*b", "aXb", ".axb", "d/aYb"):
        (there / name).parent.mkdir(exist_ok=True)
        (there / name).write_text(name)
    assert copied(there, "env:a*b", ".").files == 1
    assert [path.name for path in here.iterdir()] == ["a*b"]
    assert copied(there, "env:*/a?b", "env:*X*", "env:.a*", "new").files == 3


def test_a_full_disk_there_is_told_as_such(here: Path, there: Path) -> None:
    (here / "big").write_bytes(BIG)
    script = f"mount -t tmpfs -o size=1m none {there} && exec {SERVER}"
    with pytest.raises(CopyError, match="no space is left"):
        copied(there, "big", "env:", server=("unshare", "-m", "sh", "-c", script))
    with pytest.raises(CopyError, match="its directory is not there"):
        copied(there, "big", "env:no/such")


@pytest.mark.parametrize("words", [["big", "env:"], ["env:big", "."]])
def test_a_lost_connection_is_made_again_and_the_rest_travels(
    words: list[str], here: Path, there: Path, tmp_path: Path
) -> None:
    source, target = (here, there) if words[0] == "big" else (there, here)
    (source / "big").write_bytes(BIG)
    cut = f"{CUT} | {SERVER}" if source is here else f"{SERVER} | {CUT}"
    script = f"if mkdir {tmp_path}/cut 2>/dev/null; then {cut}; else exec {SERVER}; fi"
    done = copied(there, *words, server=("sh", "-c", script))
    assert (target / "big").read_bytes() == BIG
    assert done.resumed > 1_000_000
    assert done.resumed + done.bytes < len(BIG) + 4_000_000
    assert [path.name for path in target.iterdir()] == ["big"]


@pytest.mark.parametrize("words", [["big", "env:"], ["env:big", "."]])
def test_a_part_with_other_content_or_of_an_older_file_is_not_gone_on_with(
    words: list[str], here: Path, there: Path
) -> None:
    source, target = (here, there) if words[0] == "big" else (there, here)
    (source / "big").write_bytes(BIG)
    killed = f"{CUT} | {SERVER}" if source is here else f"{SERVER} | {CUT}"
    tried = Tally(null_sink)
    with pytest.raises(EzError):
        copy(parse_route(words), way(there, "sh", "-c", f"mkdir {source}/../once && {killed}"), tried, 0, again=())
    (part,) = target.iterdir()
    with part.open("r+b") as file:
        file.write(b"torn")
    done = copied(there, *words)
    assert (done.resumed, (target / "big").read_bytes() == BIG) == (0, True)

    (source / "big").write_bytes(BIG[::-1])
    os.utime(source / "big", (1_000_000_000, 1_000_000_000))
    old = target / part.name
    old.write_bytes(BIG[:2_000_000])
    copied(there, *words)
    assert (target / "big").read_bytes() == BIG[::-1]
    assert [path.name for path in target.iterdir()] == ["big"]


@pytest.mark.parametrize("words", [["big", "env:"], ["env:big", "."]])
def test_who_interrupts_it_does_not_wait(
    words: list[str], here: Path, there: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl-C ends the loop wherever it is, and with it who reads the answers that others wait for."""
    ((here if words[0] == "big" else there) / "big").write_bytes(BIG)

    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(parse_route(words), way(there), Tally(interrupt), 0)
    assert caplog.text == ""


def test_what_is_in_the_way_stays_and_the_rest_is_copied(here: Path, there: Path) -> None:
    make_tree(here / "tree")
    (there / "tree" / "program").mkdir(parents=True)
    (there / "tree" / "a").write_text("mine")
    with pytest.raises(CopyError, match="2 could not be copied") as caught:
        copied(there, "tree", "env:")
    assert "program" in caught.value.message
    assert (there / "tree" / "a").read_text() == "mine"
    assert (there / "tree" / "link").is_symlink()
    with pytest.raises(CopyError, match="no such file"):
        copied(there, "env:nothing", ".")
    with pytest.raises(CopyError, match="No such file"):
        copied(there, "nothing", "env:")
    with pytest.raises(HostUnreachableError, match="far away"):
        copied(there, "tree", "env:", server=("sh", "-c", "echo far away >&2"))
    with pytest.raises(HostUnreachableError, match="something else than SFTP"):
        copied(there, "tree", "env:", server=("echo", "Welcome to Ubuntu"))


def test_nothing_from_there_is_written_elsewhere(here: Path, there: Path, tmp_path: Path) -> None:
    """Links out of the tree are left out; a directory that was a link before is not gone into."""
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = there / "tree"
    tree.mkdir()
    for name, target in {"absolute": str(outside), "up": "../../outside", "through": "here/../..", "here": "."}.items():
        (tree / name).symlink_to(target)
    os.mkfifo(tree / "pipe")
    done = copied(there, "env:tree", ".")
    assert {Path(path).name for path, _ in done.left_out} == {"absolute", "up", "through", "pipe"}
    assert os.readlink(here / "tree" / "here") == "."

    (here / "tree" / "up").symlink_to(outside)
    (here / "tree" / "file").symlink_to(outside / "file")
    (tree / "up").unlink()
    (tree / "up").mkdir()
    (tree / "up" / "stolen").write_text("x")
    (tree / "file").write_text("x")
    with pytest.raises(CopyError, match="no directory is there"):
        copied(there, "env:tree", ".")
    assert list(outside.iterdir()) == []
    assert not (here / "tree" / "file").is_symlink()


@pytest.mark.parametrize("lie", ["../../../evil", "a/evil", "", "twice", "nul\0evil", "long" * 100])
def test_a_server_that_lies_about_names_is_refused(lie: str, here: Path, tmp_path: Path) -> None:
    with pytest.raises(CopyError, match="a name that cannot be"):
        copied(tmp_path, "env:folder", ".", server=(sys.executable, str(LIAR), lie.encode().hex()))
    assert [path for path in tmp_path.rglob("*") if "evil" in path.name or path.is_file()] == []


@pytest.mark.parametrize(
    ("target", "names", "expected"),
    [
        (b"a", [b"l"], False),
        (b"../a", [b"d", b"l"], False),
        (b"../a", [b"l"], True),
        (b"a/../b", [b"d", b"l"], True),
        (b"./././a", [b"l"], False),
        (b"/", [b"l"], True),
        (b"../..", [b"d", b"e", b"l"], False),
        (b"..", [b"l"], True),
        (b"", [b"l"], False),
    ],
)
def test_where_links_lead(target: bytes, names: list[bytes], expected: bool) -> None:
    assert leads_out(target, names) is expected


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["a"],
        ["a", "b"],
        ["e:a", "f:b"],
        ["e:a", ":b"],
        ["e:a", "b", "c"],
        ["Not_Name:a", "b"],
        ["", "e:b"],
        ["a\0", "e:b"],
        ["e:a", "f:b", "c"],
    ],
)
def test_ends_that_are_none(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_route(words)


def test_ends() -> None:
    route = parse_route(["./a:b", "/x:y", "env:"])
    assert (route.sends, route.environment, [end.path for end in route.sources]) == (True, "env", ["./a:b", "/x:y"])
    assert parse_route([":a:b", "c"]).sources[0].path == "a:b"
