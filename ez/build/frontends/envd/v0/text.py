"""A build file as text: where its builtins are called, and changes that leave all else as it is.

Read with Python's own parser: what Starlark has, Python writes the same way.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ez.errors import DefinitionError

MOST_CALLS = 2_000

UNREAD = "*"
"""Stands for arguments that only a run knows."""


@dataclass(frozen=True)
class Asked:
    """A call. `statement` is it alone, where it is one, and `block` the statements that it is among; `function` is the
    top-level function around it, or nothing."""

    name: str
    call: ast.Call
    statement: ast.Expr | None
    block: Sequence[ast.stmt]
    function: str

    def arguments(self, *names: str) -> dict[str, ast.expr]:
        """By the parameters' names; `UNREAD` among them where there are some that nobody can read."""
        given: dict[str, ast.expr] = dict(zip(names, self.call.args, strict=False))
        if any(isinstance(argument, ast.Starred) for argument in self.call.args):
            given[UNREAD] = self.call
        for keyword in self.call.keywords:
            given[keyword.arg or UNREAD] = keyword.value
        return given


class Text:
    """One file's text. `own` are the names that it defines, `calls` those of all others. Changes are gathered."""

    def __init__(self, text: str, file: str) -> None:
        """Raises DefinitionError for what cannot be read."""
        self._text = text
        self.tree = _parsed(text, file)
        self._lines = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text)), len(text)]
        self._line_end = "\r\n" if "\r\n" in text else "\n"
        self._edits: list[tuple[int, int, str]] = []
        self._given: dict[str, list[ast.expr | None]] = {}
        for name, value in _assigned(self.tree):
            self._given.setdefault(name, []).append(value)
        self.own = {*self._given, *(node.name for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))}
        self.every_call = list(islice(_calls(self.tree), MOST_CALLS + 1))
        if len(self.every_call) > MOST_CALLS:
            raise DefinitionError(f"more than {MOST_CALLS} calls: too many to be rewritten", _BY_HAND, file=file)
        self.calls = [asked for asked in self.every_call if asked.name.partition(".")[0] not in self.own]

    def source(self, node: ast.expr) -> str:
        return self._text[self._start(node) : self._end(node)]

    def constant(self, node: ast.expr | None) -> str | None:
        """The text that an argument certainly is: written there, or a name that the file gives a text once."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if not isinstance(node, ast.Name):
            return None
        values = self._given.get(node.id, [])
        return self.constant(values[0]) if len(values) == 1 and isinstance(values[0], ast.Constant) else None

    def put(self, node: ast.expr, text: str) -> None:
        """`text` instead of `node`."""
        self._edits.append((self._start(node), self._end(node), text))

    def rename(self, keyword: ast.keyword, name: str) -> None:
        start = self._start(keyword)
        self._edits.append((start, start + len(keyword.arg or ""), name))

    def remove_argument(self, call: ast.Call, value: ast.expr) -> None:
        """With the comma before it, or the one after where it is the first of several."""
        items: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        spans = [(self._start(item), self._end(item)) for item in items]
        found = next(index for index, span in enumerate(spans) if span[0] <= self._start(value) < span[1])
        span = (spans[found - 1][1], spans[found][1]) if found else (spans[0][0], spans[1][0])
        self._edits.append((*span, ""))

    def drop(self, asked: Asked) -> bool:
        """Take a statement out, with its line; where it cannot go, `pass` stands for it. False for what is none."""
        if asked.statement is None:
            return False
        start, end, indent, rest = self._place(asked.statement)
        if len(asked.block) == 1 or not _is_alone(indent, rest):
            self._edits.append((start, end, "pass"))
            return True
        kept = [*_comments(self._text[start:end]), *([rest.strip()] if rest.strip() else [])]
        after = end + len(rest)
        after += len(re.match(r"\r\n|\r|\n|", self._text[after:]).group())  # type: ignore[union-attr]
        text = "".join(f"{indent}{comment}{self._line_end}" for comment in kept)
        self._edits.append((start - len(indent), after, text))
        return True

    def replace(self, asked: Asked, lines: Sequence[str]) -> bool:
        """Several statements for one: below one another, or on its line where that has more on it. False as `drop`."""
        if asked.statement is None:
            return False
        start, end, indent, rest = self._place(asked.statement)
        if not _is_alone(indent, rest):
            self._edits.append((start, end, "; ".join(lines)))
            return True
        above = "".join(f"{comment}{self._line_end}{indent}" for comment in _comments(self._text[start:end]))
        below = "".join(f"{self._line_end}{indent}{line}" for line in lines[1:])
        self._edits.append((start, end + len(rest), above + lines[0] + rest + below))
        return True

    def begin(self, function: str, lines: Sequence[str]) -> bool:
        """`lines` as the first of a function's body, behind a text that describes it. False if it is not here."""
        found = [node for node in self.tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
        if not found:
            return False
        body = found[-1].body
        is_described = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        self.before(body[1 if is_described and len(body) > 1 else 0], lines)
        return True

    def before(self, statement: ast.stmt, lines: Sequence[str]) -> None:
        """`lines` above a statement and the comments that belong to it."""
        start, _, indent, _ = self._place(statement)
        if indent.strip():
            self._edits.append((start, start, "".join(f"{line}; " for line in lines)))
            return
        number = statement.lineno - 1
        while number and self._text[self._lines[number - 1] :].lstrip(" \t").startswith("#"):
            number -= 1
        above = self._lines[number]
        self._edits.append((above, above, "".join(f"{indent}{line}{self._line_end}" for line in lines)))

    @property
    def changed(self) -> str:
        """With all edits; of two that overlap the later one in the text."""
        text, free = self._text, len(self._text) + 1
        for start, end, new in sorted(self._edits, reverse=True):
            if end <= free:
                text, free = text[:start] + new + text[end:], start
        return text

    def _place(self, statement: ast.stmt) -> tuple[int, int, str, str]:
        """Where it starts and ends, and what stands before and behind it on its lines."""
        start, end = self._start(statement), self._end(statement)
        line_end = re.compile(r"[\r\n]|\Z").search(self._text, end)
        assert line_end is not None
        return start, end, self._text[self._lines[statement.lineno - 1] : start], self._text[end : line_end.start()]

    def _start(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._offset(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _offset(self, line: int, column: int) -> int:
        """Python counts the bytes of a line."""
        start, end = self._lines[line - 1], self._lines[line]
        return start + len(self._text[start:end].encode()[:column].decode())


def dotted(node: ast.expr) -> str:
    """`io.copy` for what is written so, else nothing."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _parsed(text: str, file: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        message = f"cannot be rewritten: {error.msg}"
        raise DefinitionError(message, _BY_HAND, file=file, line=error.lineno, column=error.offset) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DefinitionError(f"cannot be rewritten: `{file}`", _BY_HAND, file=file) from error


_BY_HAND = "rewrite it by hand: `base(dev=True)` and `install.python()` instead of `base(language=...)`"


def _is_alone(before: str, behind: str) -> bool:
    return not before.strip() and (not behind.strip() or behind.strip().startswith("#"))


def _comments(text: str) -> list[str]:
    """Those within a call that is written over several lines."""
    try:
        return [
            token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError):
        return []


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """Every name that is given a value anywhere; with it, where it is plainly given."""
    plain = {
        id(node.targets[0]): node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and node.targets
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, plain.get(id(node))
        elif isinstance(node, ast.arg):
            yield node.arg, None


def _calls(tree: ast.Module) -> Iterator[Asked]:
    """Every call of a plain or dotted name, statement by statement."""
    waiting: list[tuple[Sequence[ast.stmt], str]] = [(tree.body, "")]
    while waiting:
        block, function = waiting.pop()
        for statement in block:
            alone = statement if isinstance(statement, ast.Expr) else None
            for node in _expressions(statement):
                if isinstance(node, ast.Call) and (name := dotted(node.func)):
                    yield Asked(name, node, alone if alone and alone.value is node else None, block, function)
            inner = function or (statement.name if isinstance(statement, ast.FunctionDef) else "")
            waiting += [(getattr(statement, part, []), inner) for part in ("body", "orelse")]


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """All of a statement but the statements within it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield from ast.walk(child)
