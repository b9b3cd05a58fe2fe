"""Include and exclude patterns as BuildKit and .dockerignore write them, on `/`-separated relative paths.

`*` and `?` stay within one path component, `**` crosses them, `[...]` is a character class, `\\` escapes. A pattern
also holds for everything below what it matches; `!` before it takes matches back, and the last pattern to match wins.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Pattern:
    text: str
    negated: bool

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """Matches the path itself or a directory above it."""
        return re.compile(f"(?:{_expression(self.text)})(?:/.*)?", re.DOTALL)

    @cached_property
    def components(self) -> list[re.Pattern[str] | None]:
        """The pattern by path component; None from a `**` on, where anything may come."""
        parts: list[re.Pattern[str] | None] = []
        for component in self.text.split("/"):
            parts.append(None if "**" in component else re.compile(_expression(component), re.DOTALL))
        return parts

    def may_match_below(self, directory: str) -> bool:
        """Whether something below `directory`, which the pattern does not match, could match."""
        names = directory.split("/")
        for part, name in zip(self.components, names, strict=False):
            if part is None:
                return True
            if not part.fullmatch(name):
                return False
        return len(self.components) > len(names)


class Patterns:
    """A list of patterns, in order."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._patterns = [pattern for text in texts if (pattern := _parsed(text))]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    @property
    def any_negated(self) -> bool:
        return any(pattern.negated for pattern in self._patterns)

    def match(self, path: str) -> bool:
        for pattern in reversed(self._patterns):
            if pattern.whole.fullmatch(path):
                return not pattern.negated
        return False

    def may_match_below(self, directory: str) -> bool:
        return any(pattern.may_match_below(directory) for pattern in self._patterns if not pattern.negated)


def _parsed(text: str) -> Pattern | None:
    negated = text.startswith("!")
    cleaned = posixpath.normpath("/" + text.removeprefix("!").strip()).lstrip("/")
    return Pattern(cleaned, negated) if cleaned else None


def _expression(text: str) -> str:
    """The regular expression of one pattern."""
    made = ""
    position = 0
    while position < len(text):
        rest = text[position:]
        if rest.startswith("**/"):
            made, position = made + "(?:.*/)?", position + 3
        elif rest.startswith("**"):
            made, position = made + ".*", position + 2
        elif character_class := re.match(r"\[(\^?)((?:\\.|[^\]\\])+)\]", rest):
            negation, members = character_class.groups()
            made += f"[{negation}{members.replace('[', chr(92) + '[')}]"
            position += character_class.end()
        elif rest[0] == "\\" and len(rest) > 1:
            made, position = made + re.escape(rest[1]), position + 2
        else:
            made, position = made + {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])), position + 1
    return made
