"""Words reach commands as they are."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ez.errors import HostError
from ez.ssh.quoting import command_line, quote, script_title, shorten

WORDS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=5)


@settings(max_examples=200)
@given(WORDS)
def test_every_shell_reads_the_words_that_were_meant(words: list[str]) -> None:
    line = command_line(["printf", "%s\\0", *words])
    for shell in ("sh", "bash"):
        shown = subprocess.run([shell, "-c", line], capture_output=True, check=True).stdout
        assert shown.decode().split("\0")[:-1] == words


def test_backslashes_stand_outside_single_quotes_for_fish() -> None:
    assert quote("a\\'b c") == "'a'\\\\''\\''b c'"


def test_what_cannot_be_a_word_is_refused() -> None:
    for argv in ([], ["a\0b"]):
        with pytest.raises(HostError):
            command_line(argv)


def test_logs_get_one_short_line() -> None:
    assert shorten("a\n b" + "x" * 500, 10) == "a bxxxx..."
    assert script_title("#!/bin/sh\n\n# read the facts\nset -eu\n") == "read the facts"
    assert script_title("set -eu\nls") == "set -eu"
    assert script_title("") == ""
