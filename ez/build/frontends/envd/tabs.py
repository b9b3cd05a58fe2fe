"""Tabs between words, which envd takes and ez's Starlark does not: they become spaces, those of texts stay."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<text> [rRbB]{0,2} (?: \"\"\" (?: \\. | [^\\] )*? \"\"\" | ''' (?: \\. | [^\\] )*? '''
                          | " (?: \\. | [^"\\\n] )* "?           | ' (?: \\. | [^'\\\n] )* '? )
            | \# [^\n]* )
    | (?P<indent> ^[ \t]*\t[ \t]* )
    | (?P<tabs> \t+ )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_WIDTH = 8


def without_tabs(text: str) -> str:
    """The same program. Where only tabs indent, each is one space, so that no column changes; else they end at
    multiples of 8, as in envd."""
    if "\t" not in text:
        return text
    mixed = re.search(r"^\t* +\t*\S", text, re.MULTILINE) is not None

    def replaced(found: re.Match[str]) -> str:
        if found["text"] is not None:
            return found["text"]
        if found["tabs"] is not None or not mixed:
            return " " * len(found[0])
        return found[0].expandtabs(_WIDTH)

    return _TOKEN.sub(replaced, text)
