"""The matrix as a whole: each row is executed, once, and says only what there is to say."""

import re
from pathlib import Path

import pytest

from .matrix import ROWS, WORDS, Row


def test_each_row_has_its_test() -> None:
    sources = [path.read_text() for path in Path(__file__).parent.rglob("test_*.py")]
    executed = [name for source in sources for name in re.findall(r'^@feature\("([a-z-]+)"\)', source, re.MULTILINE)]
    assert sorted(executed) == sorted(ROWS)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_says_what_its_cells_need(row: Row) -> None:
    said = set(row.cells.values())
    assert said <= set(WORDS)
    assert bool(row.another_way) == ("another way" in said)
    assert bool(row.refused) == bool(said & {"no", "warns"})
    assert bool(row.misses) == ("misses" in said)
    assert bool(row.hint) == ("no" in said)
