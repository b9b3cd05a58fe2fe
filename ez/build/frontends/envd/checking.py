"""All that is wrong with a build file and what it loads, in one go.

The file runs with every mistake taken out of it that was found so far, until it runs to its end.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ez.build.frontends import Given
from ez.build.frontends.envd.compile import compile_record
from ez.build.frontends.envd.frontend import Language, Reading, excerpt, read
from ez.build.frontends.envd.interpreter import Asked
from ez.build.frontends.envd.masks import Masks
from ez.build.frontends.envd.record import Record
from ez.build.frontends.inputs import Inputs
from ez.errors import DefinitionError

MOST_ROUNDS = 60
"""How often the file runs, about 20 ms each time."""

_LAST = 1 << 30
_KEYWORD = re.compile(r'(?:unexpected keyword argument|for parameter|values for keyword argument) "(\w+)"')


def mistakes(
    inputs: Inputs, name: str, file: str, function: str, access: bool, given: Given
) -> tuple[list[DefinitionError], tuple[str, ...]]:
    """Every mistake in the order of the files' lines, each with its line as `excerpt`; and what the file warns of."""
    masks = Masks()
    found: dict[tuple[str | None, int | None, int | None, str], DefinitionError] = {}
    warnings: tuple[str, ...] = ()
    for _ in range(MOST_ROUNDS):
        reading = read(inputs, name, file, function, replace(given, edit=masks.edit))
        errors, last, warnings = _round(reading, inputs, name, access)
        for error in errors:
            if not masks.is_consequence(error.file or file, error.line or 0, error.column or 1, error.code):
                found.setdefault((error.file, error.line, error.column, error.message), error)
        if last is None or not masks.take_out(last.file or file, last.line or 0, last.column or 1, last.code):
            break
    ordered = sorted(found.values(), key=lambda error: (error.file != file, error.file or "", error.line or _LAST))
    return ordered, warnings


def _round(
    reading: Reading, inputs: Inputs, name: str, access: bool
) -> tuple[list[DefinitionError], DefinitionError | None, tuple[str, ...]]:
    """What is wrong as far as the file runs; what ended that, if anything did; warnings."""
    language, transcript = reading.language(), reading.evaluated()
    asked = Record()
    errors = [error for call in transcript.calls for error in _mistakes_of(call, asked, language)]
    last, warnings = transcript.failure, (*transcript.printed, *language.warnings())
    if last is None:
        try:
            language.settle(asked)
            compiled = compile_record(asked, name, inputs, access)
            warnings = (*transcript.printed, *language.warnings(), *compiled.warnings)
        except DefinitionError as error:
            last = error
    errors += [last] if last else []
    for one in errors:
        one.excerpt = excerpt(one, transcript)
    return errors, last, warnings


def _mistakes_of(call: Asked, asked: Record, language: Language) -> list[DefinitionError]:
    """What is wrong with one call. It is made again without the arguments that do not fit."""
    errors: list[DefinitionError] = []
    keywords = call.keywords
    while True:
        try:
            language.builtins[call.name].call(asked, call.position, call.arguments, keywords)
            return errors
        except DefinitionError as error:
            errors.append(error)
            wrong = _KEYWORD.search(error.message)
            kept = tuple(pair for pair in keywords if wrong and pair[0] != wrong.group(1))
            if wrong is None or len(kept) == len(keywords):
                return errors
            keywords = kept
