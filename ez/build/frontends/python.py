"""`build.py`: a Python program that describes an image with `ez.build.Image`, run only when a person names it.

It is the repo's code, run on this computer with the person's rights: in a process of its own, with little
environment, bounded time and output. What it says comes back as data and is believed in nothing but its graph.
"""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ez.build.frontends import NOTHING_GIVEN, Described, Given
from ez.build.frontends.inputs import Inputs
from ez.build.frontends.process import SECONDS, Answer, run_python
from ez.build.frontends.where import Where
from ez.build.graph_json import graph_from_json, value_from_json
from ez.build.python.complete import described
from ez.errors import DefinitionError, MissingInputError
from ez.models import Runtime

MOST_PRINTED = 1_000
"""Lines of what it prints that are kept."""

_LONGEST = 2_000
_PACKAGE = str(Path(__file__).parents[3])

_PROGRAM = """import sys
sys.path.append({package!r})
from ez.build.python.child import main
main({file!r}, {function!r}, {arguments!r}, {channel})
"""


def describe(
    inputs: Inputs, name: str, file: str, function: str, access: bool, given: Given = NOTHING_GIVEN
) -> Described:
    """Run the program `file` and take its image `function`: a value or a function, which may be given arguments
    (`image(cuda="12.4")`). What it prints comes as warnings. Raises DefinitionError."""
    called, arguments = _call(function)
    if given.arguments:
        argument, value = given.arguments[0]
        hint = f"--from '{file}:{called}({argument}=\"{value}\")'"
        raise DefinitionError("--arg is for build files of the envd language", hint)
    inputs.read(file, missing_hint=f'write `{file}` with: image = Image("ubuntu:22.04")')
    located = inputs.locate(file)
    answer = run_python(
        lambda channel: _PROGRAM.format(
            package=_PACKAGE, file=located, function=called, arguments=arguments, channel=channel
        ),
        inputs.directory,
    )
    told = _told(answer, located)
    inputs.count(_texts(told.get("used")))
    if "error" in told:
        raise _failure(told["error"], inputs, located)
    state, config = graph_from_json(told.get("graph"))
    made = described(state, config, value_from_json(told.get("runtime"), Runtime, "runtime"), inputs, name, access)
    return replace(made, warnings=(*_lines(answer)[:MOST_PRINTED], *made.warnings))


def _call(function: str) -> tuple[str, dict[str, Any]]:
    """A function's name and its arguments: `image`, or `image(cuda="12.4", debug=True)`."""
    hint = 'write it as `build.py:image` or `build.py:image(cuda="12.4")`'
    try:
        call = ast.parse(function, mode="eval").body
        if isinstance(call, ast.Name):
            return call.id, {}
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            return call.func.id, {str(given.arg): _constant(given) for given in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise DefinitionError(f"not a function and its arguments: `{function}`", hint) from error
    raise DefinitionError(f"not a function and its arguments: `{function}`", hint)


def _constant(given: ast.keyword) -> Any:
    value = ast.literal_eval(given.value)
    if given.arg is None or not isinstance(value, str | int | float | bool | None):
        raise ValueError("not a plain value")
    return value


def _told(answer: Answer, file: str) -> dict[str, Any]:
    if not answer.in_time:
        message = f"`{file}` runs for more than {SECONDS:.0f} s, or makes more than anybody could build"
        raise DefinitionError(message, "remove what it waits for", file=file)
    try:
        told = json.loads(answer.content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        last = "; ".join(_lines(answer)[-3:])
        raise DefinitionError(f"`{file}` ended before it made an image: {last}", f"correct `{file}`", file=file)
    return told


def _failure(told: Any, inputs: Inputs, file: str) -> DefinitionError:
    """Why the program failed, in its own words as far as they are fit to be shown."""
    if not isinstance(told, dict):
        return DefinitionError(f"`{file}` failed", f"correct `{file}`", file=file)
    hint, line, place = told.get("hint"), told.get("line"), told.get("file")
    message = _plain(str(told.get("message")))
    where = Where(
        file=_plain(place) if isinstance(place, str) else file,
        line=line if isinstance(line, int) else None,
        column=1 if isinstance(line, int) else None,
    )
    action = _plain(hint) if isinstance(hint, str) else f"correct `{where['file']}`"
    paths = _texts(told.get("paths"))
    if not paths:
        return DefinitionError(message, action, **where)
    try:
        inputs.count(paths)
    except MissingInputError as error:
        return MissingInputError(message, action, paths=error.paths, **where)
    return DefinitionError(message, action, **where)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _lines(answer: Answer) -> list[str]:
    return [_plain(line) for line in answer.printed.splitlines() if line.strip()]


def _plain(text: str) -> str:
    """`text` on one line, without what a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text[:_LONGEST])
