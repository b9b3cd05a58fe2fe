"""The shell of this room: package data under `scripts/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The program `name`, without its ending `.sh`."""
    return files("ez.build.image").joinpath("scripts", f"{name}.sh").read_text("utf-8")


def command(*names: str, arguments: tuple[str, ...] = (), name: str = "") -> tuple[str, ...]:
    """The argv of a step that runs the programs `names` as one; `arguments` are its `$1...`. It is called `name`, or as
    the last of them."""
    program = "\n".join(text(name) for name in names)
    return ("/bin/sh", "-c", program, f"ez-{name or names[-1]}", *arguments)
