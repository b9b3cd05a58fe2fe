"""The files a build needs, mirrored from another computer: complete, only what differs, never out of bounds."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from ez.env.reference import parse_reference
from ez.env.source import Source, bring, fetch_more, snapshot
from ez.env.source.snapshot import Entry, parse_listing
from ez.env.source.wire import parse
from ez.errors import Result, SourceError
from tests.env.source.places import Box, Tree

WANTED = ("build.envd", "data", "requirements.txt")


@pytest.fixture
def there(here: Tree, box: Box, cache: Path) -> Tree:
    """The work tree on the computer, which is what is mirrored: it differs from `here`."""
    bring(box, parse_reference(str(here.path), Path("/")), "proj", cache=cache)
    tree = Tree(box.home / "ez/proj")
    tree.write("build.envd", "build file\n")
    tree.write("other.envd", "another\n")
    tree.write("not wanted", "x\n")
    tree.write("requirements.txt", "numpy\n", 0o640)
    tree.write("data/a b/ü\nx", "odd\n", 0o755)
    tree.write("data/-n", "dash\n", 0o600)
    tree.write("data/set.log", "ignored by Git, wanted by the build\n")
    (tree.path / "data/empty").mkdir(mode=0o700)
    (tree.path / "data/link").symlink_to("-n")
    (tree.path / "data/away").symlink_to("/etc/passwd")
    (tree.path / "data/loop").symlink_to(".")
    os.mkfifo(tree.path / "data/pipe")
    return tree


def look(box: Box, here: Tree, cache: Path, *wanted: str) -> Source:
    return bring(box, parse_reference(str(here.path), Path("/")), "proj", cache=cache, wanted=wanted)


def listed(directory: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for folder, directories, files in os.walk(directory):
        for name in (*directories, *files):
            path = Path(folder, name)
            status = path.lstat()
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file():
                content = path.read_bytes().decode("utf-8", "replace")
            else:
                content = "" if stat.S_ISDIR(status.st_mode) else "special"
            found[str(path.relative_to(directory))] = (stat.S_IMODE(status.st_mode), content)
    return found


def test_what_is_wanted_is_mirrored(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    source = look(box, here, cache, *WANTED)
    expected = listed(there.path)
    for path in list(expected):
        if path.split("/")[0] not in (*WANTED, "other.envd") or path == "data/pipe":
            del expected[path]
    assert listed(source.directory) == expected
    assert source.fetched == (WANTED[0], "ez.toml", *WANTED[1:], "other.envd")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_a_second_look_is_one_round_trip_and_touches_nothing(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    source = look(box, here, cache, *WANTED)
    before = Tree(source.directory).fingerprint()
    scripts = box.scripts
    assert look(box, here, cache, *WANTED) == source
    assert box.scripts == scripts + 1
    assert Tree(source.directory).fingerprint() == before


def test_only_what_differs_travels_and_what_went_away_goes(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    source = look(box, here, cache, *WANTED)
    kept = (source.directory / "data/-n").lstat().st_mtime_ns
    there.write("requirements.txt", "scipy\n", 0o644)
    there.write("data/new", "new\n")
    (there.path / "data/link").unlink()
    there.write("data/link/inside", "a directory now\n")
    (there.path / "data/a b/ü\nx").unlink()
    (source.directory / "data/set.log").write_text("spoilt here\n")
    (source.directory / "requirements.txt").unlink()
    (source.directory / "requirements.txt").symlink_to("/etc/passwd")
    look(box, here, cache, *WANTED)
    found = listed(source.directory)
    assert found["requirements.txt"] == (0o644, "scipy\n")
    assert found["data/link/inside"] == (0o644, "a directory now\n")
    assert found["data/set.log"][1] == "ignored by Git, wanted by the build\n"
    assert "data/a b/ü\nx" not in found
    assert (source.directory / "data/-n").lstat().st_mtime_ns == kept


def test_more_is_fetched_when_the_definition_asks(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    source = look(box, here, cache)
    assert source.fetched == ("build.envd", "ez.toml", "other.envd")
    more = fetch_more(box, source, ["requirements.txt", "not/there", "src/"])
    assert more.fetched == ("build.envd", "ez.toml", "other.envd", "requirements.txt", "not/there", "src")
    assert sorted(listed(more.directory)) == ["build.envd", "other.envd", "requirements.txt", "src", "src/main.py"]
    whole = fetch_more(box, more, ["."])
    assert ".git" not in listed(whole.directory)
    assert "not wanted" in listed(whole.directory)


def test_links_on_the_way_are_followed_inside_the_repo_only(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    there.write("real/deep/file", "found\n")
    (there.path / "alias").symlink_to("real/deep")
    (there.path / "outside").symlink_to("/etc")
    (there.path / "climbs").symlink_to("../../../..")
    (there.path / "round").symlink_to("round")
    source = look(box, here, cache, "alias/file", "outside/passwd", "climbs/etc/passwd", "round/x")
    found = listed(source.directory)
    assert found["alias"][1] == "real/deep"
    assert found["real/deep/file"][1] == "found\n"
    assert found["outside"][1] == "/etc"
    assert sorted(found) == [
        "alias", "build.envd", "climbs", "other.envd", "outside", "real", "real/deep", "real/deep/file", "round"
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "..", "a/.."])
def test_paths_that_lead_out_are_never_asked_for(path: str, here: Tree, box: Box, cache: Path) -> None:
    with pytest.raises(SourceError, match="outside the repo"):
        look(box, here, cache, path)
    assert box.scripts == 0


def test_too_much_is_refused_before_it_is_read(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    with (there.path / "data/large").open("wb") as file:
        file.truncate(snapshot.LARGEST + 1)
    with pytest.raises(SourceError, match=r"too large to be read from `box`: `5368\d+` bytes"):
        look(box, here, cache, "data")


def test_the_listing_rides_along(there: Tree, here: Tree, box: Box, cache: Path) -> None:
    scripts = box.scripts
    look(box, here, cache, "requirements.txt")
    assert box.scripts - scripts == 2
    look(box, here, cache, "requirements.txt")
    assert box.scripts - scripts == 3


def reply(*records: str, hashes: dict[str, bytes] | None = None) -> bytes:
    lines = [*records, "list hashes"]
    lines += [f"{hashlib.sha256(data).hexdigest()}  ./{path}" for path, data in (hashes or {}).items()]
    return "".join(f"{line}\0" for line in [*lines, "", "done yes"]).encode()


def listing(*records: str, hashes: dict[str, bytes] | None = None) -> dict[str, Entry]:
    return parse_listing(parse(Result("box", "", 0, reply(*records, hashes=hashes), b"", 0)))


@pytest.mark.parametrize(
    "records",
    [
        ("entry f 644 1 ./../x", "target "),
        ("entry f 644 1 ./a/../../x", "target "),
        ("entry l 777 0 ./a", "target /etc", "entry f 644 1 ./a/x", "target "),
        ("entry l 777 0 ./A", "target /etc", "entry f 644 1 ./a/x", "target "),
        ("entry f 644 1 ./a", "target ", "entry f 644 1 ./a/x", "target "),
    ],
)
def test_a_hostile_listing_writes_nothing_outside(records: tuple[str, ...]) -> None:
    with pytest.raises(SourceError):
        listing(*records, hashes={"../x": b"", "a/../../x": b"", "a/x": b"", "a": b""})


def test_records_that_are_no_entries_are_ignored() -> None:
    assert listing("entry f 644 1 /etc/x", "entry s 644 1 ./x", "entry f", "entry f 644 1 ./unhashed", "target ") == {}
