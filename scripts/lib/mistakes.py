"""The page of mistakes in build files, made from the case files that ez is tested with."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.lib.markdown import MADE

CASES = Path(__file__).parents[2] / "tests" / "cases" / "mistakes"

_HEAD = """# Mistakes in build files

What `ez build --check` says of them; `ez env go` and `ez build` stop at the first with the same words. The word in
brackets is the `code` of `ez build --check --json`. Each one here is a test of ez.
"""
_WIDEST = 160


def page() -> str:
    cases = sorted(CASES.glob("*.txt"))
    return MADE + "\n".join([_HEAD, *(line for case in cases for line in _section(case))])


def _section(case: Path) -> Iterator[str]:
    """The files as they are, where there are several with their names, and what is said of them."""
    found = re.split(r"^--- (\S+)\n", case.read_text(), flags=re.MULTILINE)
    *files, (_, said) = zip(found[1::2], found[2::2], strict=True)
    yield f"## {case.stem.replace('_', ' ')}\n"
    for name, text in files:
        yield f"```starlark\n{f'# {name}' + chr(10) if len(files) > 1 else ''}{text.rstrip()}\n```\n"
    yield "```\n" + "\n".join(line[:_WIDEST].rstrip() for line in said.rstrip().splitlines()) + "\n```\n"
