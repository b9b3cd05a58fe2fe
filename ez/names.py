"""Names of computers and environments: they become file names, container names and `NAME.ez` in SSH."""

from __future__ import annotations

import re

from ez.errors import UsageError

LONGEST = 63
"""Characters in one label of a host name (RFC 1035, 2.3.4)."""

LONGEST_DERIVED = 40
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_OTHERS = re.compile(r"[^a-z0-9]+", re.ASCII)
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"})
_ALLOWED = f"use 1 to {LONGEST} of a-z, 0-9 and -, the first and the last a letter or a digit"


def check_name(kind: str, text: str) -> str:
    """`text` itself when it can name a `kind` (`computer`, `environment`). Raises UsageError."""
    if len(text) > LONGEST:
        raise UsageError(f"{kind} name of {len(text)} characters: `{shown(text)}`", _ALLOWED)
    if not _LABEL.fullmatch(text):
        raise UsageError(f"not a name for a {kind}: `{shown(text)}`", _ALLOWED)
    return text


def is_name(text: str) -> bool:
    """Whether `check_name` takes it."""
    return len(text) <= LONGEST and _LABEL.fullmatch(text) is not None


def environment_name(text: str) -> str:
    """A name for the environment of the repo or directory `text`, at most 40 characters.

    Raises UsageError when nothing of `text` can be kept.
    """
    last = text.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    label = _OTHERS.sub("-", _plain_letters(last)).strip("-")[:LONGEST_DERIVED].rstrip("-")
    if not label:
        raise UsageError(f"no environment name can be made of: `{shown(text)}`", "name it with `--name NAME`")
    return label


def shown(text: str) -> str:
    """`text` for a message: on one line, without control characters, at most 60 characters."""
    clean = "".join(character if character.isprintable() else "?" for character in text[:61])
    return clean if len(clean) <= 60 else clean[:59] + "…"


def _plain_letters(text: str) -> str:
    """Lower case without accents: letters that have no ASCII form stay as they are."""
    if text.isascii():
        return text.lower()
    import unicodedata

    folded = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return "".join(character for character in folded if not unicodedata.combining(character)).translate(_LETTERS)
