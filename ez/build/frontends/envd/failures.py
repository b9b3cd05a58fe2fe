"""What Starlark says about a broken file, in envd's words where it has any, else in ez's, and with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ez.build.frontends.envd.frames import RUNNER
from ez.build.frontends.envd.language import did_you_mean
from ez.build.frontends.envd.outline import parsed
from ez.build.frontends.envd.sandbox import TOO_MUCH_MEMORY
from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.errors import DefinitionError

_PLACE = re.compile(r"^ *--> (.+):(\d{1,9}):(\d{1,9})$", re.MULTILINE)
FRAME = re.compile(r"^  \* (.+):(\d{1,9}), in .*$", re.MULTILINE)
"""File and line of a call, in what Starlark says of the calls that led somewhere."""

_MESSAGE = re.compile(r"(?:^|\n)error: (.*?)(?:\n *--> |\Z)", re.DOTALL)

_LONGEST = 2_000

_RESERVED = {
    "import": "build files cannot import Python; use `load` for another build file",
    "from": "build files cannot import Python; use `load` for another build file",
    "class": "use functions; this is Starlark, not Python",
    "try": "this is Starlark: errors cannot be caught",
    "raise": 'use `fail("why")`',
    "assert": 'use `if not ...: fail("why")` in a function',
    "with": "this is Starlark: leave out `with`",
    "is": "use `==`",
    "while": "use `for` over a `range` inside a function",
    "yield": "return a list",
}

Texts = Mapping[str, Sequence[str]]
"""The lines of each file that ran."""


@dataclass(frozen=True)
class _Said:
    """What a person is told."""

    message: str
    hint: str
    code: str = "run"


def located(text: str, names: Sequence[str], texts: Texts, file: str, ran: Mapping[str, str]) -> DefinitionError:
    """The DefinitionError for what starlark-pyo3 printed. `names` are those of the language, `file` ran last, `ran` are
    the texts as they ran."""
    found = _MESSAGE.search(text)
    message = (found.group(1) if found else text).strip()[:_LONGEST]
    place = _place(text, texts)
    said = _said(message, names, _line(place, texts), place.file if place else file)
    if place is None:
        return DefinitionError(said.message, said.hint, file=file, code=said.code)
    if said.code == "syntax":
        said, place = _bracket(ran.get(place.file, ""), place) or (said, _on_text(place, texts))
    return DefinitionError(said.message, said.hint, **where(place), code=said.code)


def of_the_call(text: str, file: str, function: str, texts: Texts) -> DefinitionError | None:
    """Why `function` of `file` cannot be called; None where the failure is another."""
    if f"--> {RUNNER}:" not in text or _place(text, texts) is not None:
        return None
    line = place_of(function, texts.get(file, ()))
    if "private symbol" in text:
        message = f"`{function}` is its file's own"
        return DefinitionError(message, "name it without `_`", file=file, line=line, column=1, code="entry")
    if re.search(r"has no symbol `|is not exported", text):
        hint = f"define `def {function}():` in `{file}`"
        return DefinitionError(f"envd file doesn't has {function} function", hint, file=file, code="entry")
    wanted = re.search(r"Missing (?:required )?(?:named-only )?parameter `(\w+)`", text)
    if wanted:
        message = f"function {function} missing 1 argument ({wanted.group(1)})"
        hint = f"give it a default, or build with `--arg {wanted.group(1)}=VALUE`"
        return DefinitionError(message, hint, file=file, line=line, column=1, code="entry")
    hint = f"define `def {function}():`"
    return DefinitionError(f"{function} is not a function", hint, file=file, line=line, code="entry")


def deeper(reason: str, position: Position) -> DefinitionError:
    """What ended the process itself, at or after a call."""
    hints = {"long": "remove its endless loop", "deep": "nest less, make less", "memory": "make smaller values"}
    hint = next((hint for word, hint in hints.items() if word in reason), "ask for less")
    return DefinitionError(reason, hint, **where(position), code="limit")


def place_of(function: str, lines: Sequence[str]) -> int | None:
    """The line, from 1, on which `function` is defined."""
    defined = re.compile(rf"\s*(def\s+{re.escape(function)}\b|{re.escape(function)}\s*=)")
    return next((number for number, line in enumerate(lines, 1) if defined.match(line)), None)


def _place(text: str, texts: Texts) -> Position | None:
    """Where it happened, in a file that ran, else the innermost call that led there."""
    for file, line, column in _PLACE.findall(text):
        if file in texts and 1 <= int(line) <= len(texts[file]):
            return Position(file, int(line), int(column))
    for file, line in reversed(FRAME.findall(text)):
        if file in texts and 1 <= int(line) <= len(texts[file]):
            source = texts[file][int(line) - 1]
            return Position(file, int(line), len(source) - len(source.lstrip()) + 1)
    return None


def _line(place: Position | None, texts: Texts) -> str:
    return texts[place.file][place.line - 1] if place else ""


def _said(message: str, names: Sequence[str], source: str, file: str) -> _Said:
    correct = f"correct `{file}`"
    syntax = message.startswith("Parse error: ")
    message = message.removeprefix("Parse error: ")
    for pattern, explain in _EXPLAINED:
        if found := re.match(pattern, message, re.DOTALL):
            return explain(found)
    if unknown := re.match(r"Variable `(\w+)` not found", message):
        return _undefined(unknown.group(1), names)
    if member := re.match(r"Object of type `(\w+)` has no attribute `(\w+)`", message):
        if member.group(1) == "struct":
            return _Said(_unknown_member(member.group(2), names, source), correct, "member")
        return _Said(f"{member.group(1)} has no .{member.group(2)} field or method", correct, "member")
    if syntax:
        return _Said(message.partition(", expected one of")[0], correct, "syntax")
    return _Said(message, correct)


def _undefined(name: str, names: Sequence[str]) -> _Said:
    if name == "set":
        return _Said("this Starlark dialect does not support sets", "use a dict, or a list without repeats", "dialect")
    close = did_you_mean(name, [known.partition(".")[0] for known in names])
    return _Said(f"undefined: {name}{close}", f"define `{name}` before its use or correct it", "undefined")


def _unknown_member(member: str, names: Sequence[str], source: str) -> str:
    used = re.search(rf"([A-Za-z_][\w.]*)\.{re.escape(member)}\b", source)
    space = used.group(1) + "." if used else ""
    members = [name.removeprefix(space).partition(".")[0] for name in names if space and name.startswith(space)]
    close = did_you_mean(member, members).replace("mean ", "mean .")
    return f"{space.rstrip('.') or 'module'} has no .{member} field or method{close}"


def _reserved(found: re.Match[str]) -> _Said:
    word = found.group(1)
    hint = _RESERVED.get(word, "leave it out; this is Starlark, not Python")
    if word == "while":
        return _Said("this Starlark dialect does not support while loops", hint, "dialect")
    return _Said(f"got {word}, want primary expression", hint, "dialect")


def _outside(found: re.Match[str]) -> _Said:
    word = found.group(1)
    if word in ("return", "break", "continue"):
        return _Said(
            f"{word} statement not within a {'function' if word == 'return' else 'loop'}", "remove it", "dialect"
        )
    said = "for loop" if word == "for" else f"{word} statement"
    return _Said(f"{said} not within a function", "move it into a function", "dialect")


def _missing(found: re.Match[str]) -> _Said:
    function, name = found.group(2).rpartition(".")[2], found.group(1)
    return _Said(f"function {function} missing 1 argument ({name})", f"give `{name}`, or give it a default", "argument")


def _extra(found: re.Match[str]) -> _Said:
    function = found.group(2).rpartition(".")[2]
    return _Said(f"function {function}: {found.group(1)} arguments too many", f"look at `def {function}`", "argument")


def _unexpected(found: re.Match[str]) -> _Said:
    function = found.group(2).rpartition(".")[2]
    return _Said(
        f'function {function}: unexpected keyword argument "{found.group(1)}"', f"look at `def {function}`", "argument"
    )


def _plainly(message: str, hint: str, code: str = "run") -> Callable[[re.Match[str]], _Said]:
    """The words of the table below; `\\1` in them is what the pattern found."""
    return lambda found: _Said(found.expand(message), found.expand(hint), code)


_EXPLAINED: tuple[tuple[str, Callable[[re.Match[str]], _Said]], ...] = (
    (r"cannot use reserved keyword `(\w+)`", _reserved),
    (r"`(\w+)` cannot be used outside", _outside),
    (r"Missing (?:required )?(?:named-only )?parameter `(\w+)` for call to `?([^`\n]*)`?", _missing),
    (r"Found (\d+) extra positional argument\(s\) for call to `?([^`\n]*)`?", _extra),
    (r"Found `(\w+)` extra named parameter\(s\) for call to `?([^`\n]*)`?", _unexpected),
    (
        r"Your Starlark dialect must enable f-strings",
        _plainly(
            "got string literal, want newline", 'f-strings are not part of Starlark: `"{}".format(value)`', "dialect"
        ),
    ),
    (
        r"unexpected string literal .* here",
        _plainly(
            "got string literal, want newline", "texts side by side are not joined: put `+` or `,` between", "syntax"
        ),
    ),
    (r"unfinished string literal", _plainly("unfinished string literal", "close the quote on the same line", "syntax")),
    (
        r"unexpected new indentation block here",
        _plainly("unexpected indentation", "indent it as the lines around it", "syntax"),
    ),
    (
        r"unexpected (?:keyword|symbol|identifier) '(.*?)' here, expected one of \"\\n\" or \"INDENT\"",
        _plainly(r"got \1, want an indented block", "indent what belongs to the line above", "syntax"),
    ),
    (
        r"unexpected new line here, expected one of (?:\"->\" or )?\":\"",
        _plainly("got newline, want ':'", "end the line with `:`", "syntax"),
    ),
    (
        r"invalid input `([\u2018\u2019\u201c\u201d])`",
        _plainly(r"not a quote of Starlark: \1", 'use plain quotes: `"`', "syntax"),
    ),
    (
        r"type annotations are not allowed",
        _plainly("type annotations are not supported", "leave out the type", "dialect"),
    ),
    (r"MemoryError", _plainly(TOO_MUCH_MEMORY, "make smaller values", "limit")),
    (r"Evaluation cancelled", _plainly("the build file runs for too long", "remove its endless loop", "limit")),
    (
        r".*call stack overflow",
        _plainly("functions call one another too deeply", "remove the endless recursion", "limit"),
    ),
    (r"Too many recursion levels", _plainly("a value nests too deeply", "nest less", "limit")),
    (
        r"Integer value is too big|Integer overflow|Error unpacking value for parameter `\w+` of type `int",
        _plainly("a number that is too large here", "use a smaller number"),
    ),
    (
        r"Immutable",
        _plainly("a global value cannot be changed in a function", "change a copy of it: `list(value)`"),
    ),
    (
        r"Local variable `(\w+)` referenced before assignment",
        _plainly(r"local variable \1 referenced before assignment", r"give `\1` a value first"),
    ),
    (r"Module (?:symbol|has no symbol) `(\w+)`.*", _plainly(r"load: the file has no `\1`", "correct the name", "load")),
    (r"Cannot import private symbol `(\w+)`", _plainly(r"load: `\1` is its file's own", "name it without `_`", "load")),
    (r"Key `(.*)` was not found", _plainly(r"key \1 not in dict", "use `.get(key, default)`")),
    (
        r"Operation `(.*?)` not supported for types `(.*?)` and `(.*?)`",
        _plainly(r"unknown binary op: \2 \1 \3", "convert one of the two, for example with `str()`"),
    ),
    (r"fail: (.*)", _plainly(r"fail: \1", "do what it says: this line of the build file refuses to go on", "fail")),
)


def _bracket(text: str, place: Position) -> tuple[_Said, Position] | None:
    """A bracket that is not closed, or by another kind, with its place: Python's parser knows which one it is."""
    try:
        parsed(f"{text}\n")
    except SyntaxError as error:
        there = Position(place.file, error.lineno or place.line, error.offset or 1)
        if found := re.match(r"'(.)' was never closed", error.msg):
            return _Said(f"`{found.group(1)}` is never closed", "close it", "syntax"), there
        if found := re.match(r"closing parenthesis '(.)' does not match opening parenthesis '(.)'", error.msg):
            closing = {"(": ")", "[": "]", "{": "}"}[found.group(2)]
            message = f"`{found.group(1)}` does not close `{found.group(2)}`"
            return _Said(message, f"write `{closing}` before it", "syntax"), there
    except (ValueError, RecursionError, MemoryError):
        pass
    return None


def _on_text(place: Position, texts: Texts) -> Position:
    """At the first character of the line that is no space, where the place is before it."""
    line = _line(place, texts)
    indent = len(line) - len(line.lstrip())
    return Position(place.file, place.line, max(place.column, indent + 1) if line.strip() else place.column)
