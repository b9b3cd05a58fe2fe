"""The page of the build language and the stubs for editors: a word for every builtin, and as the code is."""

from pathlib import Path

import pytest

from ez.build.frontends.envd.frontend import CONTEXT
from scripts.lib.build_file import VERSIONS, stubs, words
from scripts.lib.signatures import constants, vocabulary

REPOSITORY = Path(__file__).parents[3]


def test_every_builtin_has_its_words() -> None:
    known = words()
    of_v0 = known.pop("v0")
    assert {*known} == {*vocabulary("v1"), *constants(), CONTEXT}
    assert {*of_v0} <= {*vocabulary("v0")}
    assert [name for name, word in {**known, **of_v0}.items() if not word.get("what")] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_stubs_are_those_of_the_code(version: str) -> None:
    assert (REPOSITORY / "ez" / "api" / f"{version}.pyi").read_text() == stubs(version), "run ./scripts/docs"
