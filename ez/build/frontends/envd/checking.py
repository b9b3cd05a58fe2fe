"""All that is wrong with a build file and what it loads, in one go.

The file runs with every mistake taken out of it that was found so far, until it runs to its end.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from ez.build.frontends import Described, Given
from ez.build.frontends.envd import sandbox
from ez.build.frontends.envd.frontend import Language, Reading, compiled, excerpt, read
from ez.build.frontends.envd.interpreter import Asked
from ez.build.frontends.envd.masks import Masks
from ez.build.frontends.envd.record import Record
from ez.build.frontends.inputs import Inputs
from ez.errors import DefinitionError

MOST_ROUNDS = 60
"""How often the file runs, about 20 ms each time; no round begins after the time that one of them may take."""

MOST_MISTAKES = 100

_LAST = 1 << 30
_KEYWORD = re.compile(r'(?:unexpected keyword argument|for parameter|values for keyword argument) "(\w+)"')


def mistakes(
    inputs: Inputs, name: str, file: str, function: str, access: bool, given: Given
) -> tuple[list[DefinitionError], tuple[str, ...], Described | None]:
    """Every mistake in the order of the files' lines, each with its line as `excerpt`; what the file warns of; and what
    it describes, if there is no mistake."""
    masks = Masks()
    found: dict[tuple[str | None, int | None, int | None, str], DefinitionError] = {}
    warnings: tuple[str, ...] = ()
    described: Described | None = None
    end = time.monotonic() + sandbox.SECONDS
    for number in range(MOST_ROUNDS):
        left = end - time.monotonic()
        if number and left <= 0:
            break
        reading = read(inputs, name, file, function, replace(given, edit=masks.edit))
        found_now = _round(reading, inputs, name, access, left)
        last, warnings, described = found_now.last, found_now.warnings, found_now.described
        if number and time.monotonic() >= end:
            break  # It had less time than a file may take.
        for error in found_now.errors:
            key = (error.file, error.line, error.column, error.message)
            at = (error.file or file, error.line or 0, error.column or 1, error.code)
            if key not in found and not masks.is_consequence(*at):
                found[key] = error
        if last is None or not masks.take_out(last.file or file, last.line or 0, last.column or 1, last.code):
            break
    ordered = sorted(found.values(), key=lambda error: (error.file != file, error.file or "", error.line or _LAST))
    return ordered, warnings, None if found else described


@dataclass(frozen=True)
class _Round:
    """What is wrong as far as the file runs; what ended that, if anything did; what comes of it, if anything does."""

    errors: list[DefinitionError]
    last: DefinitionError | None
    warnings: tuple[str, ...]
    described: Described | None


def _round(reading: Reading, inputs: Inputs, name: str, access: bool, seconds: float) -> _Round:
    language, transcript = reading.language(), reading.evaluated(seconds)
    asked = Record()
    every = (error for call in transcript.calls for error in _mistakes_of(call, asked, language))
    errors = list(islice(every, MOST_MISTAKES))
    last, warnings = transcript.failure, (*transcript.printed, *language.warnings())
    described = None
    if last is None and len(errors) < MOST_MISTAKES:
        try:
            described = compiled(asked, transcript, language, inputs, name, access)
            warnings = described.warnings
        except DefinitionError as error:
            last = error
    errors += [last] if last else []
    for one in errors:
        one.excerpt = excerpt(one, transcript)
    return _Round(errors, last, warnings, described)


def _mistakes_of(call: Asked, asked: Record, language: Language) -> Iterator[DefinitionError]:
    """What is wrong with one call. It is made again without the arguments that do not fit."""
    keywords = call.keywords
    while True:
        try:
            language.builtins[call.name].call(asked, call.position, call.arguments, keywords)
            return
        except DefinitionError as error:
            yield error
            wrong = _KEYWORD.search(error.message)
            kept = tuple(pair for pair in keywords if wrong and pair[0] != wrong.group(1))
            if wrong is None or len(kept) == len(keywords):
                return
            keywords = kept
