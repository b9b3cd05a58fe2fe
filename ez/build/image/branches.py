"""Work that goes on beside other work: branches of one state, joined by merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ez.build.graph import Diff, Merge, Note, State


@dataclass(frozen=True)
class Branch:
    """What grew from `start` beside the trunk, and the only `paths` that it changes. The step that follows the last
    branch copies them itself where an engine cannot merge, if it is told a place to find the branch at: `mount`."""

    start: State
    state: State
    paths: tuple[str, ...]
    mount: str = ""


def join(trunk: State, branches: Sequence[Branch]) -> State:
    """`trunk` with what each branch added to its start, which is below the trunk or in an earlier branch."""
    if not branches:
        return trunk
    layers = (
        Diff(branch.start, branch.state, branch.paths, Note(f"ez: {' '.join(branch.paths)}"), branch.mount)
        for branch in branches
    )
    return Merge((trunk, *layers), Note("ez: bring together what was made side by side"))
