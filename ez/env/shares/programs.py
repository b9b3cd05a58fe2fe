"""The shell programs of this room, which run on computers and in containers."""

from __future__ import annotations

from importlib.resources import files


def program(name: str) -> str:
    return files("ez.env.shares").joinpath("scripts", f"{name}.sh").read_text("utf-8")
