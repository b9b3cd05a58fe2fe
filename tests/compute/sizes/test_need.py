"""The words of a command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ez.compute.sizes.need import Cards, parse_cards, parse_gib, parse_region
from ez.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T4", Cards("T4")),
        (" A100:2 ", Cards("A100", 2)),
        ("A100-80GB:4", Cards("A100-80GB", 4)),
        ("RTX PRO 6000", Cards("RTX PRO 6000")),
        (">=16GB", Cards(memory=16)),
        (">= 24 GiB : 2", Cards(memory=24, count=2)),
        ("any:8", Cards(count=8)),
        ("2", Cards(count=2)),
        ("A10:1/4", Cards("A10", 0.25)),
        ("A10:0.5", Cards("A10", 0.5)),
    ],
)
def test_cards(text: str, expected: Cards) -> None:
    assert parse_cards(text) == expected


@pytest.mark.parametrize("text", ["", ":", ":2", "T4:2:3", "T4:-1", "T4:1/0", ">=", ">=GB", ">16", "T4\x07", "²"])
def test_words_that_are_no_cards(text: str) -> None:
    with pytest.raises(UsageError):
        parse_cards(text)


@given(some.text(max_size=30))
def test_any_text_is_understood_or_refused_in_words(text: str) -> None:
    for parse in (parse_cards, parse_region, lambda words: parse_gib(words, "--memory")):
        refusal = None
        try:
            parse(text)
        except UsageError as error:
            refusal = error
        assert refusal is None or (refusal.hint and refusal.message.isprintable())


@pytest.mark.parametrize(
    ("text", "expected"), [("64", 64), ("64GB", 64), ("64 gib", 64), ("1.5TB", 1536), ("0.5", 0.5), ("2t", 2048)]
)
def test_memory(text: str, expected: float) -> None:
    assert parse_gib(text, "--memory") == expected
