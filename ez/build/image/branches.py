"""Work that goes on beside other work: branches of one state, joined by merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ez.build.graph import Diff, Merge, Note, State


@dataclass(frozen=True)
class Branch:
    """What grew beside the trunk, and the only `paths` that it changes."""

    state: State
    paths: tuple[str, ...]


def join(trunk: State, start: State, branches: Sequence[Branch]) -> State:
    """`trunk` with what each branch added to `start`, from which all of them grew."""
    if not branches:
        return trunk
    layers = (Diff(start, branch.state, branch.paths, Note(f"ez: {' '.join(branch.paths)}")) for branch in branches)
    return Merge((trunk, *layers), Note("ez: bring together what was made side by side"))
