"""What Git says -> what a person reads; the cases are files of Git's own words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ez.env.source.failures import WORDS, failure, said
from ez.errors import Result

CASES = json.loads((Path(__file__).parents[2] / "cases/source/failures.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["message"] for case in CASES])
def test_words_of_git(case: dict[str, str]) -> None:
    error = failure(Result("box", "", 128, b"", case["stderr"].encode(), 0), "box")
    assert (error.message, error.hint) == (case["message"], case["hint"])


@pytest.mark.parametrize("word", WORDS)
def test_words_of_the_scripts(word: str) -> None:
    error = said(word, "first\nsecond", "box", Result("box", "", 20, b"", b"", 0))
    assert "{" not in error.message
    assert error.hint
    assert "{" not in error.hint


def test_every_word_of_the_scripts_is_known() -> None:
    scripts = Path(failure.__code__.co_filename).with_name("scripts")
    said_there = {
        word
        for script in scripts.glob("*.sh")
        for line in script.read_text().splitlines()
        for word in [line.partition("fail ")[2].split(" ")[0].strip(";")]
        if word and "fail()" not in line and not line.lstrip().startswith("#")
    }
    assert said_there - {'"$1"'} <= set(WORDS)
