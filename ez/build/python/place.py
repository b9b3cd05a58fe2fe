"""Where a person's program asked for something, and errors that say so."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from ez.build.frontends.where import where
from ez.build.graph import Position
from ez.errors import DefinitionError

_EZ = str(Path(__file__).parents[2]) + os.sep


def caller() -> Position | None:
    """The line of the innermost call that is not ez's own."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_EZ):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return Position(shown(frame.f_code.co_filename, os.getcwd()), frame.f_lineno)


def wrong(message: str, hint: str) -> DefinitionError:
    """An error of the person's call."""
    return DefinitionError(message, hint, **where(caller()))


@lru_cache
def shown(file: str, directory: str) -> str:
    """A program's file as people know it: relative where it is below `directory`."""
    return file.removeprefix(directory.rstrip(os.sep) + os.sep)
