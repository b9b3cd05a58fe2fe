"""The programs of this room that run in images: package data under `scripts/`, of the shell and two of Perl."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The program `name`, without its ending `.sh`; those of Perl with theirs."""
    file = name if name.endswith(".pl") else f"{name}.sh"
    return files("ez.build.image").joinpath("scripts", file).read_text("utf-8")


def command(*names: str, arguments: tuple[str, ...] = (), name: str = "") -> tuple[str, ...]:
    """The argv of a step that runs the programs `names` as one; `arguments` are its `$1...`. It is called `name`, or as
    the last of them."""
    program = "\n".join(text(name) for name in names)
    return ("/bin/sh", "-c", program, f"ez-{name or names[-1]}", *arguments)
