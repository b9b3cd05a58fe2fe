"""What an `Image` holds, and what is known of where its steps write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ez.build.graph import CopyAction, FileAction, ImageConfig, RmAction, State
from ez.models import Runtime

DISTRIBUTION = ("/bin", "/etc", "/lib", "/lib32", "/lib64", "/sbin", "/usr", "/var")
"""Where the distribution's packages are, and their database."""


@dataclass(frozen=True)
class Touch:
    """Where a step writes, None for anywhere. `whole` tells that copying these places takes all it did along;
    `packages` that it changes the distribution's database of packages."""

    places: tuple[str, ...] | None = None
    whole: bool = False
    packages: bool = False


ANYWHERE = Touch()


@dataclass(frozen=True)
class Made:
    """All that an image is: its files, its configuration, how it wants to be run; and what later calls need to know.

    `python` is the version that `with_python` was given; `touched` tells where each step since the last branch wrote.
    """

    state: State
    config: ImageConfig = field(default_factory=ImageConfig)
    runtime: Runtime = field(default_factory=Runtime)
    python: str = ""
    touched: tuple[Touch, ...] = ()


def touch_of(actions: Iterable[FileAction]) -> Touch:
    """What is removed cannot be copied."""
    places: list[str] = []
    for action in actions:
        place = action.target if isinstance(action, CopyAction) else action.path
        if isinstance(action, RmAction) or place == "/":
            return ANYWHERE
        places.append(place.rstrip("/"))
    return Touch(tuple(places), whole=True)
