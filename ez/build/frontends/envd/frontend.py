"""The way from a `build.envd` to what `load` needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ez.build.frontends import NOTHING_GIVEN, Described, Given
from ez.build.frontends.envd import sandbox
from ez.build.frontends.envd.compile import compile_record
from ez.build.frontends.envd.interpreter import Transcript, evaluate, record
from ez.build.frontends.envd.language import Builtin
from ez.build.frontends.envd.namespaces import BUILTINS, CONSTANTS
from ez.build.frontends.envd.record import Record
from ez.build.frontends.envd.sources import Program
from ez.build.frontends.envd.syntax import V0, advice_for_v0, advice_for_v1, aware, split_syntax, syntax_of
from ez.build.frontends.envd.v0.translation import Translation
from ez.build.frontends.inputs import Inputs
from ez.build.image.layers import HOME
from ez.errors import DefinitionError

CONTEXT = "_build_context_dir"
"""Where the repo is, inside the environment, so that nothing of a computer gets into an image."""

MINIMAL = """def build():
    base(dev=True)
    install.python()
    install.python_packages(name=["numpy"])
"""


def describe(
    inputs: Inputs, name: str, file: str, function: str, access: bool, given: Given = NOTHING_GIVEN
) -> Described:
    """Run `function` of the build file `file` and compile what it asked for.

    The function's name may say the version of the language, as `ez.build.frontends.envd.syntax.with_syntax` writes it.
    """
    reading = read(inputs, name, file, function, given)
    language = reading.language()
    transcript = _transcript(reading, given)
    try:
        return compiled(record(transcript, language.builtins), transcript, language, inputs, name, access)
    except DefinitionError as error:
        error.excerpt = excerpt(error, transcript)
        raise


def compiled(
    asked: Record, transcript: Transcript, language: Language, inputs: Inputs, name: str, access: bool
) -> Described:
    """What the calls of a run come to. Raises DefinitionError."""
    language.settle(asked)
    made = compile_record(asked, name, inputs, access)
    return replace(
        made,
        sources=transcript.sources,
        warnings=(*transcript.printed, *language.warnings(), *made.warnings),
        includes=transcript.includes,
    )


def _transcript(reading: Reading, given: Given) -> Transcript:
    """What the run says. One of a file that takes nothing from others is remembered, if something is to remember it."""
    if given.finished is None or given.edit is not None:
        return reading.evaluated()
    key = (replace(reading.program, fetch=None), tuple(reading.constants.items()), reading.version)
    found: Transcript = given.finished.get(key) or reading.evaluated()
    own = {reading.program.file, given.personal.name if given.personal else ""}
    if found.failure is None and not found.includes and {one.name for one in found.sources} <= own:
        given.finished[key] = found
    return found


@dataclass(frozen=True)
class Language:
    """One run's vocabulary. `settle` does what waited for the end of the file; `warnings` come after it."""

    builtins: Mapping[str, Builtin]
    settle: Callable[[Record], None]
    warnings: Callable[[], Sequence[str]]


@dataclass(frozen=True)
class Reading:
    """A build file that has been read and not run."""

    program: Program
    inputs: Inputs
    constants: Mapping[str, str]
    version: str
    asked: str = ""
    """The version that the person named, if any."""

    def evaluated(self, seconds: float | None = None) -> Transcript:
        """What it says in so many seconds, or all that it may have."""
        seconds = sandbox.SECONDS if seconds is None else seconds
        return evaluate(self.program, self.inputs, self.language().builtins, self.constants, seconds)

    def language(self) -> Language:
        """A new one for each run: it remembers calls."""
        translation, file = Translation(BUILTINS), self.program.file
        if self.version == V0:
            builtins = aware(translation.builtins, BUILTINS, advice_for_v0(file, self.asked))
            return Language(builtins, lambda asked: translation.settle(asked, file), lambda: translation.warnings)
        return Language(aware(BUILTINS, translation.own, advice_for_v1(file)), lambda asked: None, lambda: ())


def read(inputs: Inputs, name: str, file: str, function: str, given: Given = NOTHING_GIVEN) -> Reading:
    """Raises MissingInputError with a way out where there is no such file."""
    function, asked = split_syntax(function)
    hint = f"write `{file}` with these lines:\n\n{MINIMAL.rstrip()}"
    content = inputs.read(file, missing_hint=hint)
    program = Program(
        inputs.locate(file), content, function, tuple(given.arguments), given.personal, given.fetch, given.edit
    )
    return Reading(program, inputs, {**CONSTANTS, CONTEXT: f"{HOME}/{name}"}, syntax_of(content, asked), asked)


def excerpt(error: DefinitionError, transcript: Transcript) -> str | None:
    """The line that an error is about."""
    lines = transcript.texts.get(error.file or "", ())
    return lines[error.line - 1] if error.line and error.line <= len(lines) else None
