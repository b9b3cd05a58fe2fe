"""What every provider of computers can do, and capabilities that only some have (asked by `isinstance`)."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod

from ez.models import Computer
from ez.state import State


class Provider(ABC):
    """A source of computers. Making one costs nothing: no file, no network."""

    def __init__(self, state: State) -> None:
        self.state = state

    @abstractmethod
    def find(self, name: str) -> Computer | None:
        """The computer of that name, None when this provider has none.

        Called at the start of every command that names a computer, so it reads the index and does not wait for
        anything else. Raises StateError.
        """

    @abstractmethod
    def list(self) -> builtins.list[Computer]:
        """Its computers, by name. Called for listings; as quick as `find`, and raises the same."""


class Deletable(ABC):
    """Computers that can be given up."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Give up the computer and what the index holds of it; done already is success. Raises StateError."""
