"""What Starlark says about a broken file, in ez's words and with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ez.build.frontends.envd.language import did_you_mean
from ez.errors import DefinitionError

_PLACE = re.compile(r"^ *--> (.+):(\d+):(\d+)$", re.MULTILINE)
_FRAME = re.compile(r"^  \* (.+):(\d+), in .*$", re.MULTILINE)
_MESSAGE = re.compile(r"(?:^|\n)error: (.*?)(?:\n *--> |\Z)", re.DOTALL)

_HINTS = {
    "import": "build files cannot import Python; use `load` for another build file",
    "class": "use functions; this is Starlark, not Python",
    "while": "use `for` over a `range` inside a function",
    "try": "this is Starlark: errors cannot be caught",
    "with": "this is Starlark: leave out `with`",
}


def located(text: str, names: Sequence[str], texts: Mapping[str, list[str]], file: str) -> DefinitionError:
    """The DefinitionError for what starlark-pyo3 printed. `texts` are the lines of the files that ran."""
    found = _MESSAGE.search(text)
    message = (found.group(1) if found else text).strip()
    place = _place(text, texts)
    source = texts[place[0]][place[1] - 1] if place and place[1] <= len(texts[place[0]]) else ""
    said, hint = _said(message, names, source, place[0] if place else file)
    if place is None:
        return DefinitionError(said, hint, file=file)
    return DefinitionError(said, hint, file=place[0], line=place[1], column=place[2])


def missing_argument(text: str, file: str, function: str, lines: Sequence[str]) -> DefinitionError | None:
    """Why `function` of `file` cannot be called without arguments; None where the failure is another."""
    defined = next((n for n, line in enumerate(lines, 1) if re.match(rf"\s*def\s+{re.escape(function)}\b", line)), None)
    if re.search(r"Module has no symbol `", text) and not _PLACE.search(text):
        hint = f"define `def {function}():` in `{file}`"
        return DefinitionError(f"envd file doesn't has {function} function", hint, file=file)
    if _PLACE.search(text):
        return None
    if "Operation `call()` not supported" in text:
        return DefinitionError(f"{function} is not a function", f"define `def {function}():`", file=file, line=defined)
    wanted = re.search(r"Missing (?:required )?(?:named-only )?parameter `(\w+)`", text)
    if wanted:
        message = f"function {function} missing 1 argument ({wanted.group(1)})"
        return DefinitionError(message, "give the parameter a default", file=file, line=defined, column=1)
    return None


def _place(text: str, texts: Mapping[str, list[str]]) -> tuple[str, int, int] | None:
    """File, line and column, in a file of the repo: where it happened, else the innermost call that led there."""
    for file, line, column in _PLACE.findall(text):
        if file in texts:
            return file, int(line), int(column)
    for file, line in reversed(_FRAME.findall(text)):
        if file in texts:
            source = texts[file][int(line) - 1]
            return file, int(line), len(source) - len(source.lstrip()) + 1
    return None


def _said(message: str, names: Sequence[str], source: str, file: str) -> tuple[str, str]:
    """Message and hint."""
    correct = f"correct `{file}`"
    message = message.removeprefix("Parse error: ")
    if unknown := re.match(r"Variable `(\w+)` not found", message):
        name = unknown.group(1)
        close = did_you_mean(name, [known.partition(".")[0] for known in names])
        return f"undefined: {name}{close}", f"define `{name}` before its use or correct it"
    if member := re.match(r"Object of type `struct` has no attribute `(\w+)`", message):
        return _unknown_member(member.group(1), names, source), correct
    if reserved := re.match(r"cannot use reserved keyword `(\w+)`", message):
        return message, _HINTS.get(reserved.group(1), correct)
    if message.startswith("Your Starlark dialect must enable f-strings"):
        return "f-strings are not part of Starlark", 'use `"{}".format(value)`'
    if "cannot be used outside `def`" in message:
        word = message.split("`")[1]
        return (
            f"{'for loop' if word == 'for' else f'{word} statement'} not within a function",
            "move it into a function",
        )
    if "Evaluation cancelled" in message:
        return "the build file runs for too long", "remove its endless loop"
    if "call stack overflow" in message:
        return "functions call one another too deeply", "remove the endless recursion"
    if message.startswith("fail: "):
        return message, correct
    return message.partition(", expected one of")[0], correct


def _unknown_member(member: str, names: Sequence[str], source: str) -> str:
    used = re.search(rf"([A-Za-z_][\w.]*)\.{re.escape(member)}\b", source)
    space = used.group(1) + "." if used else ""
    members = [name.removeprefix(space).partition(".")[0] for name in names if space and name.startswith(space)]
    close = did_you_mean(member, members).replace("mean ", "mean .")
    return f"{space.rstrip('.') or 'module'} has no .{member} field or method{close}"
