"""Markdown that pages are made of."""

from collections.abc import Iterator
from typing import Any

MADE = "<!-- Made by scripts/docs. Do not edit. -->\n"


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]], code: int = 1) -> Iterator[str]:
    """A Markdown table whose first `code` columns are literals; nothing where there are no rows."""
    if not rows:
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        cells = [str(cell or "").replace("|", "\\|").replace("\n", " ") for cell in row]
        yield f"| {' | '.join(f'`{cell}`' if index < code and cell else cell for index, cell in enumerate(cells))} |"
    yield ""
