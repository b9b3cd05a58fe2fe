"""What services are tried with: a tree of files, and solves with services of one's own choice."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.testbed import TestComputer

from ..conftest import Engine


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One of each kind of file, with names that are easily got wrong."""
    root = tmp_path / "tree"
    (root / "d" / "e").mkdir(parents=True)
    (root / "d" / "e" / "program").write_text("run")
    (root / "d" / "e" / "program").chmod(0o4755)
    (root / "d" / "é b").write_text("blank")
    (root / "d" / "two\nlines").write_text("")
    (root / "d").chmod(0o1750)
    (root / "d.txt").write_text("sorts before what is in d")
    (root / "large").write_bytes(os.urandom(3 << 20))
    (root / "link").symlink_to("d/e/program")
    (root / "nowhere").symlink_to("/absent/é")
    os.link(root / "d" / "e" / "program", root / "same")
    os.mkfifo(root / "pipe", 0o600)
    return root


@pytest.fixture
def both_stores(ready_28: TestComputer, ready_28_graph: TestComputer, sockets: Any) -> tuple[Engine, Engine]:
    """One release of the engine twice: with the containerd image store, and with the older one."""
    containerd = Engine("ready_28", sockets("ready_28", lambda: ready_28))
    return containerd, Engine("ready_28_graph", sockets("ready_28_graph", lambda: ready_28_graph))
