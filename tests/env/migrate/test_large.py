"""What is large goes piece by piece, and is read once."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from ez.env.migrate import large
from ez.errors import SourceError
from tests.env.migrate.places import World, described
from tests.env.source.places import Tree

LARGE = 33 << 20


def test_an_object_of_lfs_goes_piece_by_piece(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "_PIECE", 1 << 20)
    content = os.urandom((5 << 20) + 7)
    digest = hashlib.sha256(content).hexdigest()
    place = f".git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}"
    world.here.write(place, content)
    up = world.up()
    assert up.bytes > len(content)
    assert (world.there.path / place).read_bytes() == content
    world.here.write(place.replace(digest, "0" * 64), content)
    with pytest.raises(SourceError, match="damaged"):
        world.up()


@pytest.mark.parametrize("dense", [True, False])
def test_a_large_file_is_known_from_then_on_and_its_changes_are_seen(world: World, dense: bool) -> None:
    content = os.urandom(LARGE) if dense else b"a line that says little\n" * (LARGE // 24 + 1)
    file = world.here.path / "large"
    world.here.write("large", content)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    up = world.up()
    assert (up.bytes > LARGE) == dense
    assert described(world.there) == described(world.here)
    again = world.up()
    assert (again.changed, again.bytes) == (False, 0)
    assert unknown(world.root / "notes/here/migrate", world.here) == ""
    assert unknown(world.box.home / "ez/.ez/.source/env/migrate", world.there) == ""

    with file.open("r+b") as opened:
        opened.seek(LARGE // 2)
        opened.write(b"changed")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert world.up().paths == ("large",)
    assert (world.there.path / "large").read_bytes() == file.read_bytes()


def unknown(notes: Path, tree: Tree) -> str:
    """Files of which ez's own index does not know what they are without reading them."""
    places = ("--git-dir", str(notes), "--work-tree", str(tree.path))
    command = ["env", f"GIT_INDEX_FILE={notes / 'files.index'}", "git", *places, "diff-files", "--name-only"]
    return subprocess.run(command, cwd=tree.path, capture_output=True, text=True, check=True).stdout
