"""Programs of envd's features that run in the container, supervised like those of the build file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from ez.build.image.shell import text

JUPYTER = "jupyter"
RSTUDIO = "rstudio"

_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)


def program(name: str, *arguments: str) -> str:
    """The service `name` of this room, as a program that needs no arguments."""
    given = f"set -- {shlex.join(arguments)}\n" if arguments else ""
    return f"#!/bin/sh\n{given}{text(name)}"


def with_variables(words: Iterable[str]) -> str:
    """A shell's line for a command without a shell, whose `$NAME` and `${NAME}` are the container's variables.

    envd's supervisor puts them in. A script for `sh -c` keeps its own.
    """
    argv = tuple(words)
    if len(argv) == 3 and argv[1] in ("-c", "-lc"):
        return shlex.join(argv)
    return " ".join(_word(word) for word in argv)


def _word(word: str) -> str:
    if not _VARIABLE.search(word):
        return shlex.quote(word)
    parts = _VARIABLE.split(word)
    texts = (shlex.quote(text) if text else "" for text in parts[::3])
    names = [plain or braced for plain, braced in zip(parts[1::3], parts[2::3], strict=True)]
    return "".join(text + (f'"${{{name}}}"' if name else "") for text, name in zip(texts, [*names, ""], strict=True))
