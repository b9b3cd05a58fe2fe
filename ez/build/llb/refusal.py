"""What a graph asks for and no engine can be asked, said at the place of the build file that asked."""

from __future__ import annotations

from ez.build.graph import Note
from ez.errors import DefinitionError


def refusal(note: Note, message: str, hint: str) -> DefinitionError:
    """An error at the position of `note`, where it has one."""
    position = note.position
    return DefinitionError(
        message,
        hint,
        file=position.file if position else None,
        line=position.line if position else None,
        column=position.column if position else None,
    )
