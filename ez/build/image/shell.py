"""The shell of this room: package data under `scripts/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The program `name`, without its ending `.sh`."""
    return files("ez.build.image").joinpath("scripts", f"{name}.sh").read_text("utf-8")


def command(*names: str, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The argv of a step that runs the programs `names` as one; `arguments` are its `$1...`."""
    program = "\n".join(text(name) for name in names)
    return ("/bin/sh", "-c", program, f"ez-{names[-1]}", *arguments)
