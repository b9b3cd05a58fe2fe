"""Which extensions an editor gets inside: those of `devcontainer.json` and those of the person's own list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ez.errors import ConfigError
from ez.names import shown

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}\.[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:@[A-Za-z0-9][A-Za-z0-9.+-]{0,49})?")
MOST = 200
"""Extensions of one repo."""


@dataclass(frozen=True)
class Wanted:
    """`ids` as `publisher.name` or `publisher.name@version`; `refused` is what looked like none."""

    ids: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def own_extensions(text: str) -> tuple[str, ...]:
    """The person's list from the setting `editor.extensions`. Raises ConfigError for what is no extension."""
    words = tuple(text.replace(",", " ").split())
    for word in words:
        if not _ID.fullmatch(word):
            what = f"`editor.extensions` has what is no extension: `{shown(word)}`"
            raise ConfigError(what, "write each as publisher.name, with spaces between them")
    return words


def wanted_extensions(listed: Sequence[str], own: Iterable[str]) -> Wanted:
    """Those of the repo, `MOST` at most, and the person's, without those that the repo takes back with a `-`."""
    removed = {name[1:].lower() for name in listed if name.startswith("-")}
    named = [name for name in listed if not name.startswith("-")]
    fine = [name for name in named if _ID.fullmatch(name)][:MOST]
    ids = {name.partition("@")[0].lower(): name for name in (*fine, *own)}
    kept = tuple(name for plain, name in ids.items() if plain not in removed)
    return Wanted(kept, tuple(name for name in named if not _ID.fullmatch(name))[:MOST])
