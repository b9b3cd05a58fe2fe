"""Going on after a mistake: the statement that has it is taken out of the text, and no line moves.

What was to get a value there gets None, and whatever goes wrong with that is a consequence, not a mistake.
"""

from __future__ import annotations

import re
from _ast import (
    Assign,
    AugAssign,
    Call,
    Constant,
    Expr,
    For,
    FunctionDef,
    If,
    Import,
    ImportFrom,
    Module,
    Name,
    Return,
    stmt,
)
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from ez.build.frontends.envd.outline import global_names, tree

_BLOCK = re.compile(r"(\s*)(def\s+\w+|for\b|if\b|elif\b|else\b)?")
_HEADERS = {"for": "for _ez in []:", "if": "if True:", "elif": "elif True:", "else": "else:"}
_TEXTS = re.compile(
    r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|#[^\n]*", re.DOTALL
)
_LOAD = re.compile(r"load\s*\(.*\)\s*$")


@dataclass
class Masks:
    """The texts as they are by now, by file; what is wrong with them does not count where it is a consequence."""

    texts: dict[str, str] = field(default_factory=dict)
    blank: set[str] = field(default_factory=set)
    _unread: bool = False
    _names: set[str] = field(default_factory=set)
    _lines: set[tuple[str, int]] = field(default_factory=set)

    def edit(self, file: str, text: str) -> str:
        return self.texts.setdefault(file, text)

    def is_consequence(self, file: str, line: int, column: int, code: str) -> bool:
        """Whether what is wrong there comes of what was taken out."""
        if (self.blank and code in ("load", "undefined")) or (self._unread and code == "entry"):
            return True
        if code == "undefined":
            return _word(self.texts.get(file, ""), line, column) in self._names
        if code in ("syntax", "dialect"):
            return False
        if (file, line) in self._lines:
            return True
        statement = _statement(self.texts.get(file, ""), line)
        return statement is not None and any(one.id in self._names for one in _names(statement))

    def take_out(self, file: str, line: int, column: int, code: str) -> bool:
        """Take out what is at a place; False where the text stays as it was."""
        before = self.texts.get(file)
        if before is None or file in self.blank or code == "entry":
            return False
        self._unread = self._unread or code in ("syntax", "dialect")
        after = self._without(file, before, line, column, code)
        if after == before or (code in ("syntax", "dialect") and (file, -line) in self._lines):
            after = self._blank(file, before)
        self._lines.add((file, -line))
        self.texts[file] = after
        return after != before

    def _without(self, file: str, text: str, line: int, column: int, code: str) -> str:
        statement = _statement(text, line)
        if statement is None:
            return _without_lines(text, line)
        if code == "undefined":
            self._lines.update((file, one) for one in range(statement.lineno, (statement.end_lineno or line) + 1))
            self._names.update(_targets(statement))
            return _without_name(text, line, column)
        if code == "dialect" and isinstance(statement, Assign | AugAssign | FunctionDef):
            return _replaced(text, statement, "pass")
        return self._without_statement(text, statement, column)

    def _without_statement(self, text: str, statement: stmt, column: int) -> str:
        match statement:
            case For():
                return _replaced(text, statement.iter, "[]")
            case If():
                return _replaced(text, statement.test, "True")
            case FunctionDef():
                self._names.add(statement.name)
                return _replaced(text, statement, f"def {statement.name}(*_ez_args, **_ez_kwargs): pass")
            case Return():
                return _replaced(text, statement, "return None")
        if isinstance(statement, Expr) and (narrower := self._without_loaded(text, statement, column)):
            return narrower
        names = list(_targets(statement))
        self._names.update(names)
        return _replaced(text, statement, "; ".join(f"{name} = None" for name in names) or "pass")

    def _without_loaded(self, text: str, statement: Expr, column: int) -> str:
        """Without the one name of a `load` that the other file has not; empty where it is not about one of several."""
        match statement.value:
            case Call(func=Name(id="load"), args=[_, *names], keywords=keywords) if len(names) + len(keywords) > 1:
                for one in names:
                    if isinstance(one, Constant) and isinstance(one.value, str) and one.col_offset == column - 1:
                        self._names.add(one.value)
                        return _without_argument(_behind(text, statement, f"; {one.value} = None"), one)
        return ""

    def _blank(self, file: str, text: str) -> str:
        """Nothing but what it loads, so that those files are looked at."""
        self.blank.add(file)
        return "\n".join(line if _LOAD.match(line) else "" for line in text.split("\n"))


_tree = lru_cache(maxsize=8)(tree)


def _statement(text: str, line: int) -> stmt | None:
    """The innermost statement around a line, None where Python does not read the text."""
    module = _tree(text)
    found: stmt | None = None
    body: list[stmt] = module.body if module else []
    while body:
        inner = next((one for one in body if one.lineno <= line <= (one.end_lineno or one.lineno)), None)
        if inner is None:
            break
        found = inner
        body = [*inner.body, *inner.orelse] if isinstance(inner, For | If) else _function_body(inner)
    return found


def _function_body(statement: stmt) -> list[stmt]:
    return statement.body if isinstance(statement, FunctionDef) else []


def _targets(statement: stmt) -> Iterator[str]:
    """Names that the statement gives a value to."""
    match statement:
        case Assign() | AugAssign():
            yield from _bound_names(statement)
        case Import(names=modules) | ImportFrom(names=modules):
            yield from (one.asname or one.name.partition(".")[0] for one in modules)
        case Expr(value=Call(func=Name(id="load"), args=arguments, keywords=keywords)):
            yield from (one.value for one in arguments[1:] if isinstance(one, Constant) and isinstance(one.value, str))
            yield from (one.arg for one in keywords if one.arg)


def _bound_names(statement: stmt) -> list[str]:
    found = global_names(Module([statement], []))
    return found or [one.id for one in _names(statement) if type(one.ctx).__name__ == "Store"]


def _names(statement: stmt) -> Iterator[Name]:
    """Every name in a statement itself, without the statements in it."""
    waiting: list[object] = [statement]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Name):
            yield one
        for name in getattr(one, "_fields", ()):
            value = getattr(one, name, None)
            waiting += [
                inner
                for inner in (value if isinstance(value, list) else [value])
                if hasattr(inner, "_fields") and not isinstance(inner, stmt)
            ]


def _replaced(text: str, node: object, by: str) -> str:
    """`text` with the node replaced; as many lines as before."""
    lines = text.split("\n")
    first, last = getattr(node, "lineno", 1) - 1, getattr(node, "end_lineno", 1) - 1
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    before = lines[first].encode()[:start].decode("utf-8", "replace")
    after = lines[last].encode()[end:].decode("utf-8", "replace")
    lines[first : last + 1] = [before + by + after, *[""] * (last - first)]
    return "\n".join(lines)


def _behind(text: str, node: stmt, more: str) -> str:
    lines = text.split("\n")
    line = lines[(node.end_lineno or 1) - 1].encode()
    end = node.end_col_offset or 0
    lines[(node.end_lineno or 1) - 1] = (line[:end] + more.encode() + line[end:]).decode("utf-8", "replace")
    return "\n".join(lines)


def _without_argument(text: str, node: Constant) -> str:
    """Without a text and the comma before it or behind it."""
    lines = text.split("\n")
    line = lines[node.lineno - 1].encode()
    before, after = line[: node.col_offset].decode(), line[node.end_col_offset :].decode()
    without = re.sub(r",\s*$", "", before)
    lines[node.lineno - 1] = without + after if without != before else before + re.sub(r"^\s*,", "", after)
    return "\n".join(lines)


def _word(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    found = re.compile(r"\w+").match(lines[line - 1], column - 1) if 0 < line <= len(lines) else None
    return found.group(0) if found else ""


def _without_name(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    found = re.compile(r"\w+").match(lines[line - 1], column - 1)
    if found is None:
        return text
    lines[line - 1] = lines[line - 1][: column - 1] + "None" + lines[line - 1][found.end() :]
    return "\n".join(lines)


def _without_lines(text: str, line: int) -> str:
    """Without the line that cannot be read, and those that its brackets reach."""
    lines = text.split("\n")
    if line > len(lines):
        return text
    depths = _depths(text)
    first = next((number for number in range(line - 1, -1, -1) if depths[number] == 0), line - 1)
    last = next((number for number in range(line, len(lines)) if depths[number] == 0), len(lines)) - 1
    found = _BLOCK.match(lines[first])
    indent, word = (found.group(1), found.group(2) or "") if found else ("", "")
    is_header = lines[first].rstrip().endswith(":")
    header = _HEADERS.get(word.split()[0] if word else "", "if True:" if is_header else "pass")
    if word.startswith("def"):
        header = f"{word}(*_ez_args, **_ez_kwargs):"
    above = next((one for one in reversed(lines[:first]) if one.strip()), "")
    if above.rstrip().endswith(":"):
        indent = max(indent, " " * (len(above) - len(above.lstrip()) + 1), key=len)
    lines[first : last + 1] = [indent + header, *[""] * (last - first)]
    return "\n".join(lines)


def _depths(text: str) -> list[int]:
    """How many brackets are open at the start of each line; a `def` at the left edge closes all."""
    plain = _TEXTS.sub(lambda found: "\n" * found.group(0).count("\n"), text)
    depths, depth = [], 0
    for line in plain.split("\n"):
        if line.startswith("def "):
            depth = 0
        depths.append(depth)
        depth = max(0, depth + sum(line.count(one) for one in "([{") - sum(line.count(one) for one in ")]}"))
    return depths
