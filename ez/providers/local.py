"""This computer."""

from __future__ import annotations

import builtins

from ez.models import Computer, LocalEndpoint
from ez.providers.base import Provider

NAME = "local"


class LocalProvider(Provider):
    """One computer, `local`, which is always there and in no index."""

    key = "local"
    cannot = "`local` is this computer"

    def find(self, name: str) -> Computer | None:
        return Computer(NAME, "local", LocalEndpoint()) if name == NAME else None

    def list(self) -> builtins.list[Computer]:
        return [Computer(NAME, "local", LocalEndpoint())]
