"""Patterns and ignore files, and the walk that goes by them."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ez.build.ignore import Patterns, ignored
from ez.build.tree import open_below, walk
from ez.errors import DefinitionError

CASES = Path(__file__).parents[1] / "cases" / "build"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/c.txt", "a/d.md", "a.txt"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("/etc")
    return tmp_path


@pytest.mark.parametrize("case", json.loads((CASES / "patterns.json").read_text()), ids=lambda case: case["about"])
def test_patterns(tree: Path, case: dict[str, list[str]]) -> None:
    entries = walk(tree, Patterns(case["include"]), Patterns(case["exclude"]))
    assert [entry.path for entry in entries] == case["gives"]


@pytest.mark.parametrize("case", json.loads((CASES / "ignore.json").read_text()), ids=lambda case: case["about"])
def test_ignore_files(tree: Path, tmp_path_factory: pytest.TempPathFactory, case: dict[str, Any]) -> None:
    elsewhere = tmp_path_factory.mktemp("file")
    (elsewhere / ".dockerignore").write_text(case["file"])
    entries = walk(tree, Patterns(), ignored(elsewhere).patterns)
    assert [entry.path for entry in entries] == case["gives"]


def test_an_ignore_file_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / ".ezignore"
    for content in (b"\xff", bytes(2 << 20)):
        file.write_bytes(content)
        with pytest.raises(DefinitionError, match="cannot be read"):
            ignored(tmp_path)
    file.unlink()
    for target in ("/etc/hostname", "absent", "."):
        file.symlink_to(target)
        with pytest.raises(DefinitionError, match="cannot be read"):
            ignored(tmp_path)
        file.unlink()
    os.mkfifo(file)
    with pytest.raises(DefinitionError, match="cannot be read"):
        ignored(tmp_path)
    file.unlink()
    (tmp_path / "rules").write_text("a")
    file.symlink_to("rules")
    assert ignored(tmp_path).hides("a")
    (tmp_path / "rules").write_text("x[z-a]")
    with pytest.raises(DefinitionError, match=r"not a pattern for file names: `x\[z-a\]`"):
        ignored(tmp_path).hides("xa")


def test_members_of_a_class_are_characters_alone() -> None:
    patterns = Patterns([r"[\d&&\p]"])
    assert [one for one in "d&p5a" if patterns.match(one)] == ["d", "&", "p"]


@pytest.mark.parametrize("pattern", ["**/a" * 30 + "/b", "*a" * 30 + "b", "**/*a*a*a" * 8 + "/b", "[^b]*" * 20 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    path = "/".join(["a" * 60] * 60)
    started = time.monotonic()
    assert not Patterns([pattern]).match(path)
    assert not Patterns([pattern]).match("a" * 250)
    assert time.monotonic() - started < 1


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=6)


@settings(deadline=None)
@given(PATHS)
def test_the_walk_is_in_the_engines_order(paths: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            try:
                Path(folder, *path[:-1]).mkdir(parents=True, exist_ok=True)
                Path(folder, *path).touch()
            except OSError:
                continue
        found = [os.fsencode(entry.path).split(b"/") for entry in walk(Path(folder), Patterns())]
    assert found == sorted(found)
    assert all(len(path) == 1 or path[:-1] in found for path in found)


def test_nothing_is_read_through_a_directory_that_became_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").touch()
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "data").symlink_to("../outside")
    for path, flags in (("data/key", os.O_RDONLY), ("data", os.O_RDONLY | os.O_DIRECTORY)):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            open_below(tmp_path / "repo", path, flags)
