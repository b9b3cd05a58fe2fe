from pathlib import Path

import pytest

from ez.events import Event
from tests.env.source.places import Box, Tree


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A computer with nothing on it."""
    return Box(tmp_path / "box")


@pytest.fixture
def here(tmp_path: Path) -> Tree:
    """A repo on this computer with two commits and a clean work tree."""
    tree = Tree.init(tmp_path / "here")
    tree.write("readme", "one\n")
    tree.write("src/main.py", "print(1)\n")
    tree.write("run.sh", "#!/bin/sh\n", 0o755)
    tree.write(".gitignore", "*.log\n/data/\n")
    tree.commit("first")
    tree.write("readme", "two\n")
    tree.commit("second")
    return tree


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def events() -> list[Event]:
    return []
