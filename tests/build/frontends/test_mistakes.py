"""Every `tests/cases/mistakes/NAME.txt` has a repo's files and what `ez build --check` says of them: each mistake with
its place, its line and what to do. `ez build` refuses each with one of these mistakes.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ez.build.check import ERROR, Diagnostic, check
from ez.build.frontends import Given
from ez.build.includes import Included
from ez.build.load import load
from ez.cli.output import excerpt_lines
from ez.errors import DefinitionError, UsageError

CASES = Path(__file__).parents[2] / "cases" / "mistakes"
SAYS = "says"


def parts(case: Path) -> dict[str, str]:
    """The files of a case by name, and what is said of them as `says`."""
    found = re.split(r"^--- (\S+)\n", case.read_text(), flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def nothing_there(url: str, ref: str, commit: str) -> Included:
    raise UsageError(f"not an address that ez clones from: `{url}`", "write it as `https://host/path`")


GIVEN = Given(fetch=nothing_there)


def rendered(found: tuple[Diagnostic, ...]) -> str:
    lines = []
    for one in found:
        lines.append(f"{one.file}:{one.line}:{one.column}: {one.severity}: {one.message} [{one.code}]")
        if one.source:
            lines += excerpt_lines(one.source, one.line, one.column, one.end_column - one.column)
        lines += [f"     {line}" for line in one.hint.splitlines()]
    return "\n".join(lines) + "\n"


def repo_of(case: Path, directory: Path) -> Path:
    for name, text in parts(case).items():
        if name != SAYS:
            (directory / name).write_text(text)
    (directory / "src").mkdir()
    return directory


@pytest.mark.parametrize("case", sorted(CASES.glob("*.txt")), ids=lambda case: case.stem)
def test_mistake(case: Path, tmp_path: Path) -> None:
    repo = repo_of(case, tmp_path)
    found = check(repo, "hello", given=GIVEN)
    assert rendered(found) == parts(case)[SAYS]
    assert all(one.hint for one in found if one.severity == ERROR)
    with pytest.raises(DefinitionError) as caught:
        load(repo, "hello", given=GIVEN)
    assert caught.value.message in [one.message for one in found]
    assert caught.value.file is not None
    assert caught.value.line is None or caught.value.excerpt is not None


def test_there_are_the_forty_most_likely() -> None:
    assert len(list(CASES.glob("*.txt"))) >= 40
