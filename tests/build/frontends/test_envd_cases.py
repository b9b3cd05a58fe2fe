"""Every `tests/cases/envd/NAME.envd`, run as the build file of `tests/cases/envd/repo`, gives `NAME.expected`.

A line `# case: access=no entry=build.envd:other name=x` in a case changes how it is loaded.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ez.build.load import load
from ez.errors import DefinitionError
from tests.build.frontends.summary import failure, summary

CASES = Path(__file__).parents[2] / "cases" / "envd"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.envd")), ids=lambda case: case.stem)
def test_case(case: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(CASES / "repo", repo)
    shutil.copy(case, repo / "build.envd")
    options = _options(case.read_text())
    try:
        found = summary(
            load(
                repo,
                options.get("name", "hello"),
                entry=options.get("entry", "build.envd:build"),
                access=options.get("access") != "no",
            )
        )
    except DefinitionError as error:
        found = failure(error)
    assert found == case.with_suffix(".expected").read_text()


def _options(text: str) -> dict[str, str]:
    header = next((line for line in text.splitlines() if line.startswith("# case:")), "# case:")
    return dict(word.split("=", 1) for word in header.removeprefix("# case:").split())
