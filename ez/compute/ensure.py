"""The computer of a name."""

from __future__ import annotations

from ez.errors import EzError
from ez.models import Computer
from ez.names import check_name, shown
from ez.providers import registry
from ez.state import State

THIS_COMPUTER = ("local", ".")


def ensure(name: str, state: State) -> Computer:
    """The computer called `name`; `local` and `.` are this one.

    Raises UsageError for what cannot be a name, EzError for a computer that nobody added.
    """
    name = "local" if name in THIS_COMPUTER else check_name("computer", name)
    if found := registry.find(name, state):
        return found
    known = [computer.name for computer in all_computers(state)]
    raise EzError(f"no such computer: `{name}`{_similar(name, known)}", f"ez compute add {shown(name)} USER@HOST")


def all_computers(state: State) -> list[Computer]:
    """Every computer that ez knows; this one comes first."""
    return registry.computers(state)


def _similar(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=3)
    return f" (is it {' or '.join(f'`{candidate}`' for candidate in close)}?)" if close else ""
