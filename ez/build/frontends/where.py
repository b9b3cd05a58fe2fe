"""Positions as the keyword arguments of a DefinitionError."""

from __future__ import annotations

from typing import TypedDict

from ez.build.graph import Position


class Where(TypedDict):
    file: str | None
    line: int | None
    column: int | None


def where(position: Position | None) -> Where:
    if position is None:
        return Where(file=None, line=None, column=None)
    return Where(file=position.file, line=position.line, column=position.column)
