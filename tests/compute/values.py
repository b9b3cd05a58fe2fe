"""Facts as a computer tells them: Debian 12 with a user who has sudo, and nothing else."""

from ez.compute.facts import Facts, parse
from scripts.lib.prepare_cases import MACHINES, NOW

BARE = MACHINES["bare"]


def told(**changed: str) -> Facts:
    """Facts of `box` with some values changed; `__` stands for the dot of a key."""
    return parse("box", BARE | {key.replace("__", "."): value for key, value in changed.items()}, NOW)
