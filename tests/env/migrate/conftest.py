from pathlib import Path

import pytest

from tests.env.migrate.places import World
from tests.env.source.conftest import here as here  # the same repo with two commits
from tests.env.source.places import Box, Tree


@pytest.fixture
def world(tmp_path: Path, here: Tree) -> World:
    return World(tmp_path, here, Box(tmp_path / "box"))
