"""Which files of a directory take part in a build: patterns, and the ignore file that a repo may have.

Patterns are written as in .dockerignore and in BuildKit's include and exclude lists, on `/`-separated relative
paths: `*` and `?` stay within one path component, a component `**` stands for any number of them, `[...]` is a
character class, `\\` escapes. A pattern also holds for everything below what it matches; `!` before it takes
matches back, and the last pattern to match wins.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ez.errors import DefinitionError

IGNORE_FILES = (".ezignore", ".dockerignore")
"""At the top of a repo, the first of them that is there."""

_LONGEST = 1 << 20
_ANY_DEPTH = "**"
_MEMBER = re.compile(r"\\(.)|[\[&|~]", re.DOTALL)
"""What says something else in Python's character classes: escapes of letters, and set operations."""


@dataclass(frozen=True)
class Pattern:
    text: str
    negated: bool

    @cached_property
    def whole(self) -> re.Pattern[str]:
        """Matches the path itself or a directory above it."""
        return _compiled(f"(?:{_expression(_components(self.text))})(?:/.*)?", self.text)

    @cached_property
    def parts(self) -> list[re.Pattern[str] | None]:
        """The pattern by path component; None for any number of them."""
        return [
            None if part == _ANY_DEPTH else _compiled(_component(part), self.text) for part in _components(self.text)
        ]

    def may_match_below(self, directory: str) -> bool:
        """Whether something below `directory`, which the pattern does not match, could match."""
        names = directory.split("/")
        for part, name in zip(self.parts, names, strict=False):
            if part is None:
                return True
            if not part.fullmatch(name):
                return False
        return len(self.parts) > len(names)


class Patterns:
    """A list of patterns, in order."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._patterns = [pattern for text in texts if (pattern := _parsed(text))]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, path: str) -> bool:
        for pattern in reversed(self._patterns):
            if pattern.whole.fullmatch(path):
                return not pattern.negated
        return False

    def may_match_below(self, directory: str) -> bool:
        """Whether something below `directory`, which does not match, could match."""
        return any(pattern.may_match_below(directory) for pattern in self._patterns if not pattern.negated)

    def may_spare_below(self, directory: str) -> bool:
        """Whether something below `directory`, which matches, could be taken back."""
        return any(pattern.may_match_below(directory) for pattern in self._patterns if pattern.negated)


@dataclass(frozen=True)
class Ignored:
    """What a directory's ignore file leaves out; `file` is its name, empty where there is none."""

    file: str = ""
    patterns: Patterns = field(default_factory=Patterns)

    def hides(self, path: str) -> bool:
        """Whether neither `path` nor anything below it takes part."""
        return self.patterns.match(path) and not self.patterns.may_spare_below(path)


def ignored(directory: Path) -> Ignored:
    """The ignore file of `directory`. Raises DefinitionError for one that cannot be used."""
    for name in IGNORE_FILES:
        text = _read(directory, name)
        if text is not None:
            return Ignored(name, Patterns(parse(text, name)))
    return Ignored()


def parse(text: str, file: str) -> list[str]:
    """The patterns of an ignore file, cleaned. A line that begins with `#` is a comment; outer blanks say nothing."""
    found = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        pattern = "" if line.startswith("#") else line.strip()
        if pattern == "!":
            raise DefinitionError("a `!` without a pattern", "write what it takes back", file=file, line=number)
        if pattern:
            found.append(pattern)
    return found


def literal(path: str) -> str:
    """A pattern that matches `path` alone."""
    return "".join(f"\\{character}" if character in "*?[]\\!" else character for character in path)


def _read(directory: Path, name: str) -> str | None:
    """None where there is no such file. It may be a link, but not to outside; a pipe is not waited for."""
    if not os.path.lexists(directory / name):
        return None
    try:
        found = (directory / name).resolve(strict=True)
        if not found.is_relative_to(directory.resolve()):
            raise _unusable(name, "a link that leads out of the repo")
        descriptor = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, RuntimeError) as error:  # RuntimeError is what Python before 3.13 says of a link to itself
        raise _unusable(name, getattr(error, "strerror", None) or "cannot be opened") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unusable(name, "not a file")
        content = os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LONGEST:
        raise _unusable(name, f"larger than {_LONGEST >> 20} MB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _unusable(name, "not UTF-8") from error


def _unusable(name: str, reason: str) -> DefinitionError:
    return DefinitionError(
        f"the ignore file cannot be read: `{name}` ({reason})", "make it a small text file", file=name
    )


def _parsed(text: str) -> Pattern | None:
    text = text.strip()
    negated = text.startswith("!")
    cleaned = posixpath.normpath(text.removeprefix("!").strip().lstrip("/"))
    return None if cleaned == "." else Pattern(cleaned, negated)


def _compiled(expression: str, text: str) -> re.Pattern[str]:
    """Raises DefinitionError for a pattern that is none, such as `[z-a]`."""
    try:
        return re.compile(expression, re.DOTALL)
    except re.error as error:
        raise DefinitionError(f"not a pattern for file names: `{text[:200]}`", "correct its character class") from error


def _components(text: str) -> list[str]:
    """By path component, each either `**` or without two stars in a row; `**x` in front is `x` at any depth."""
    found: list[str] = []
    for part in text.split("/"):
        if part.startswith(_ANY_DEPTH) and not found:
            found.append(_ANY_DEPTH)
        if part != _ANY_DEPTH:
            found.append(re.sub(r"\*{2,}", "*", part))
        elif found[-1:] != [_ANY_DEPTH]:
            found.append(_ANY_DEPTH)
    return found


def _expression(components: list[str]) -> str:
    """The regular expression of one pattern; the time it takes does not explode, whatever a repo's file says.

    A stretch between two `**` is taken where it first fits, since what follows may come at any depth after it.
    """
    stretches: list[list[str]] = [[]]
    for component in components:
        if component == _ANY_DEPTH:
            stretches.append([])
        else:
            stretches[-1].append(_component(component))
    first, *middle = ("/".join(stretch) for stretch in stretches)
    if not middle:
        return first
    last = middle.pop()
    made = f"{first}/" if first else ""
    made += "".join(f"(?>(?:.*?/)??{stretch}/)" for stretch in middle)
    return made + (f"(?:.*/)?{last}" if last else ".+")


def _component(text: str) -> str:
    """The regular expression of one path component, with each piece between two stars where it first fits."""
    first, *middle = _pieces(text)
    if not middle:
        return first
    last = middle.pop()
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{last}"


def _pieces(text: str) -> list[str]:
    """What stands between the stars."""
    pieces = [""]
    position = 0
    while position < len(text):
        rest = text[position:]
        if rest[0] == "*":
            pieces.append("")
            position += 1
        elif character_class := re.match(r"\[(\^?)((?:\\.|[^\]\\])+)\]", rest):
            negation, members = character_class.groups()
            pieces[-1] += f"(?!/)[{negation}{_MEMBER.sub(lambda found: re.escape(found[1] or found[0]), members)}]"
            position += character_class.end()
        elif rest[0] == "\\" and len(rest) > 1:
            pieces[-1] += re.escape(rest[1])
            position += 2
        else:
            pieces[-1] += "[^/]" if rest[0] == "?" else re.escape(rest[0])
            position += 1
    return pieces
