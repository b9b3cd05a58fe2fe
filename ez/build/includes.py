"""Build files of other Git repos: what a caller fetches for `include` and `load`, since a definition reaches no net."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Included:
    """A repo at a commit (40 hex digits). `ref` is what was asked for, empty for its default branch; `files` are all
    its `*.envd` files, path and content, sorted."""

    url: str
    ref: str
    commit: str
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


FetchIncluded = Callable[[str, str, str], Included]
"""`(url, ref, commit) -> Included`, of the commit where one is named. Raises SourceError, UsageError."""
