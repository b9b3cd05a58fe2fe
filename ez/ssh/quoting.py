"""Command lines as text: quoted for the shells people log in with, and shortened for logs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ez.errors import HostError

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_SPECIAL = re.compile(r"['\\]")
_SHOWN = 300


def quote(value: str) -> str:
    """One word for `sh`, `bash`, `zsh` and `fish` alike.

    Quotes and backslashes stand outside the single quotes, since fish gives a backslash inside them a meaning.
    """
    if "\0" in value:
        raise HostError(f"a NUL byte cannot be part of a command: `{shorten(repr(value))}`")
    if _PLAIN.fullmatch(value):
        return value
    return "'" + _SPECIAL.sub(lambda found: f"'\\{found.group()}'", value) + "'"


def command_line(argv: Sequence[str]) -> str:
    """`argv` as the one string that an SSH server hands to the login shell."""
    if not argv:
        raise HostError("no command to run")
    return " ".join(quote(word) for word in argv)


def shorten(text: str, limit: int = _SHOWN) -> str:
    """One line of at most `limit` characters, for messages and logs."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def script_title(text: str) -> str:
    """What a log calls a script: its first comment, else its first line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#!")]
    first = next((line for line in lines if line.startswith("#")), lines[0] if lines else "")
    return shorten(first.lstrip("# "), 80)
