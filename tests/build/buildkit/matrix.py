"""The matrix feature x engine: `tests/cases/build/engines.toml`, each cell of which a test executes."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ez.build.engine import engine_capabilities
from ez.errors import EzError

from .conftest import Engine

FILE = Path(__file__).parents[2] / "cases" / "build" / "engines.toml"
ENGINES = {
    "20.10 GD": "local",
    "26 GD": "ready_graph",
    "26 CS": "ready",
    "28 GD": "ready_28_graph",
    "28 CS": "ready_28",
    "buildkitd": "direct",
}
"""The fixtures that are what the file calls columns."""

WORDS = ("yes", "another way", "warns", "misses", "no")


@dataclass(frozen=True)
class Row:
    """A feature; `cells` by fixture."""

    title: str
    cells: dict[str, str]
    another_way: str = ""
    refused: str = ""
    hint: str = ""
    misses: str = ""
    capability: str = ""


def rows() -> dict[str, Row]:
    file = tomllib.loads(FILE.read_text())
    fixtures = [ENGINES[column] for column in file["columns"]]
    return {
        name: Row(**{**row, "cells": dict(zip(fixtures, row["cells"], strict=True))})
        for name, row in file["rows"].items()
    }


ROWS = rows()
_known: dict[str, frozenset[str]] = {}


def feature(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test of a row, run on each engine as its argument `every_engine`: it does what the row says and asserts the
    result. Where the cell says no, it has to fail with the row's words before any step has begun."""
    row = ROWS[name]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def executed(**given: Any) -> None:
            engine: Engine = given["every_engine"]
            cell = row.cells[engine.name]
            if row.capability:
                assert (row.capability in capabilities_of(engine)) == (cell == "yes")
            if cell == "no":
                refuses(engine, row, lambda: test(**given))
            else:
                test(**given)
            warned = any(text.startswith(row.refused) for text in engine.said.warnings)
            assert cell != "warns" or warned

        decorated: Callable[..., None] = pytest.mark.parametrize("every_engine", row.cells, indirect=True)(executed)
        return decorated

    return decorate


def refuses(engine: Engine, row: Row, call: Callable[[], None]) -> None:
    with pytest.raises(EzError) as caught:
        call()
    assert caught.value.message.startswith(row.refused)
    assert caught.value.hint == row.hint
    if row.capability:
        assert "asked for at `build.envd:4`" in caught.value.message
    assert engine.begun == []


def capabilities_of(engine: Engine) -> frozenset[str]:
    """LLB capabilities, asked for once."""
    if engine.name not in _known:
        _known[engine.name] = engine_capabilities(engine.address)
    return _known[engine.name]
