"""Settings of a repo that go along, none of which is overwritten: remotes, upstreams, submodules, the person's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ez.env.reference import without_secret

_UP = re.compile(
    r"(remote\..+\.(url|fetch)|branch\..+\.(remote|merge|rebase)|submodule\..+\.(url|active)|user\.(name|email))", re.S
)
_HOME = re.compile(r"(remote\..+\.(url|fetch)|branch\..+\.(remote|merge|rebase)|submodule\..+\.(url|active))", re.S)
_ADDRESS = re.compile(r"(?!-)(https?://|ssh://|[\w.-]+@[\w.-]+:|[\w.-]+:|\.{0,2}/)[^\x00-\x1f]*")


def settings_to_add(
    mine: Iterable[tuple[str, str]], theirs: Iterable[tuple[str, str]], *, into_person: bool
) -> Iterator[tuple[str, str]]:
    """Keys and values that the other side lacks. `into_person` is the person's own repo, which takes less. A remote or
    branch that is known there is left as it is."""
    sections = {key.rpartition(".")[0] for key, _ in theirs}
    for key, value in mine:
        section = key.rpartition(".")[0]
        if section in sections or not (_HOME if into_person else _UP).fullmatch(key):
            continue
        if key.endswith(".url") and (not _ADDRESS.fullmatch(value) or "::" in value):
            continue
        yield key, without_secret(value) if key.endswith(".url") else value
