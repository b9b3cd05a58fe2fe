"""Everything that is wrong with a build file, as an editor wants it; nothing is built and no engine asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ez.build.frontends import NOTHING_GIVEN, Given, frontend_for
from ez.build.frontends.inputs import Inputs
from ez.build.load import DEFAULT_ENTRY, define, pinned, split_entry
from ez.errors import DefinitionError

ERROR = "error"
WARNING = "warning"

LONGEST_SOURCE = 1_000
"""Characters of a line that a Diagnostic has."""

_WORD = re.compile(r"[A-Za-z_][\w.]*|\"[^\"]*\"|'[^']*'|\S")
_PLACE = re.compile(r"(?P<file>[^:\n]+):(?P<line>\d{1,9}): (?P<text>.*)", re.DOTALL)


@dataclass(frozen=True)
class Diagnostic:
    """A mistake or a warning. Lines and columns count from 1, in characters; the end is behind the last one. `code` is
    a word for the kind of mistake, `source` the text of the line, both empty where there is none."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    severity: str
    message: str
    hint: str
    code: str
    source: str


def check(
    directory: Path, name: str, *, entry: str = DEFAULT_ENTRY, access: bool = True, given: Given = NOTHING_GIVEN
) -> tuple[Diagnostic, ...]:
    """All mistakes of the build file `entry` of `directory` and of what it loads, as `ez.build.load.load` finds one."""
    try:
        file, function = split_entry(entry)
        inputs = Inputs(directory)
        given = pinned(given, inputs, locked=True)
        found, warnings = _mistakes(inputs, directory, name, (file, function), access, given)
    except DefinitionError as error:
        return (_diagnostic(error, entry.partition(":")[0], Inputs(directory)),)
    return (*(_diagnostic(error, file, inputs) for error in found), *_warned(warnings, file))


def _mistakes(
    inputs: Inputs, directory: Path, name: str, entry: tuple[str, str], access: bool, given: Given
) -> tuple[list[DefinitionError], tuple[str, ...]]:
    file, function = entry
    described = None
    if file.endswith(".envd"):
        from ez.build.frontends.envd.checking import mistakes

        found, warnings, described = mistakes(inputs, name, file, function, access, given)
        if found:
            return found, warnings
    described = described or frontend_for(file)(inputs, name, file, function, access, given)
    try:
        define(described, inputs, directory)
    except DefinitionError as error:
        return [error], described.warnings
    return [], described.warnings


def _diagnostic(error: DefinitionError, file: str, inputs: Inputs) -> Diagnostic:
    line, column = error.line or 1, error.column or 1
    source = error.excerpt or inputs.line(error.file, error.line) or ""
    end = width(source, column)
    return Diagnostic(
        error.file or file or "build.envd",
        line,
        column,
        line,
        column + end,
        ERROR,
        error.message,
        error.hint or "",
        error.code,
        source[:LONGEST_SOURCE],
    )


def _warned(warnings: tuple[str, ...], file: str) -> Iterator[Diagnostic]:
    """What is said of a file as a whole stands at its first line."""
    for text in warnings:
        found = _PLACE.fullmatch(text)
        place, line, said = (found["file"], int(found["line"]), found["text"]) if found else (file, 1, text)
        yield Diagnostic(place, line, 1, line, 1, WARNING, said, "", "warning", "")


def width(source: str, column: int) -> int:
    """How many characters at `column` of a line are what an error is about: a dotted name, a text, or one."""
    found = _WORD.match(source, column - 1)
    return len(found.group(0)) if found else 1
