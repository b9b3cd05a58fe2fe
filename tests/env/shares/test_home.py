"""The process that serves folders of this computer: begun where it is missing, and only there."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path

from ez.config import resolve
from ez.env.shares.home import job_path, serve_again, stop


def test_it_is_begun_again_where_none_is(home: Path) -> None:
    settings = resolve()
    begun: list[Sequence[str]] = []
    path = job_path(settings, "demo", "box")
    serve_again(settings, "demo", "box", begun.append)
    assert begun == []

    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        serve_again(settings, "demo", "box", begun.append)
        assert begun == []
    serve_again(settings, "demo", "box", begun.append)
    assert begun == [["share", "hold", str(path)]]

    stop(settings, "demo", "box")
    serve_again(settings, "demo", "box", begun.append)
    assert len(begun) == 1
