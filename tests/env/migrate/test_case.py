"""A home where upper and lower case are the same, as on macOS and Windows: a real file system of that kind.

Its permissions are the computer's to give, so that these tests run as root, as those of the testbed do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.env.migrate.places import World, described
from tests.env.migrate.states import names_that_differ_in_case
from tests.env.source.places import Tree

pytestmark = pytest.mark.testbed


@pytest.fixture
def folding(tmp_path: Path) -> Iterator[Path]:
    """An empty directory where `a` and `A` are one file."""
    image, place = tmp_path / "image", tmp_path / "folding"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkntfs", "--force", "--fast", "--quiet", image], check=True, capture_output=True)
    subprocess.run(["lowntfs-3g", "-o", "ignore_case,umask=022", image, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(place)], check=True)


def test_names_that_are_one_file_there_are_told_and_overwrite_nothing(world: World, folding: Path) -> None:
    names_that_differ_in_case(world.here)
    world.here.write("caf\u00e9", "composed\n")
    world.here.write("cafe\u0301", "decomposed\n")
    world.here.write("Folder/one", "1\n")
    world.here.write("folder/two", "2\n")
    world.here.write("fine", "x\n")
    world.here.write("run.sh", "#!/bin/sh\nexit 1\n", 0o755)
    world.up()
    wanted = described(world.there)
    home = folding / "home"
    for _ in range(2):
        found = world.home(path=home).conflicts
        assert set(found) == {"README", "Readme", "readme", "SRC/Main.py", "Src/main.py", "src/main.py"}
    assert (home / "fine").read_text() == "x\n"
    assert (home / "folder/one").read_text() == "1\n"
    assert (home / "folder/two").read_text() == "2\n"
    assert not (home / "README").exists()

    (home / "fine").write_text("changed there\n")
    world.here = Tree(home)
    assert "fine" in world.up().paths
    now = described(world.there)
    assert {key for key in now if now[key] != wanted[key]} <= {"files", "status"}
    assert {name for name in wanted["files"] if now["files"].get(name) != wanted["files"][name]} == {"fine"}  # type: ignore[index,attr-defined]


def test_a_file_that_is_there_in_another_case_is_not_overwritten(world: World, folding: Path) -> None:
    world.up()
    home = folding / "home"
    assert world.home(path=home).conflicts == ()
    (home / "notes").write_text("mine\n")
    world.there.write("Notes", "theirs\n")
    assert world.home(path=home).conflicts == ("Notes",)
    assert (home / "notes").read_text() == "mine\n"
    assert described(Tree(home))["files"] != {}
