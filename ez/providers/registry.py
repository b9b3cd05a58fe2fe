"""The providers, imported when they are used."""

from __future__ import annotations

from importlib import import_module

from ez.errors import StateError
from ez.models import Computer
from ez.providers.base import Provider
from ez.state import State

PROVIDERS = {
    "local": "ez.providers.local:LocalProvider",
    "byo": "ez.providers.byo:OwnMachines",
}
"""Key of `Computer.provider` -> class."""


def provider(key: str, state: State) -> Provider:
    """The provider of that key. Raises StateError for one that this ez does not have."""
    if key not in PROVIDERS:
        raise StateError(f"unknown provider: `{key}`", "upgrade ez")
    module, _, name = PROVIDERS[key].partition(":")
    made = getattr(import_module(module), name)(state)
    assert isinstance(made, Provider)
    return made


def all_providers(state: State) -> list[Provider]:
    return [provider(key, state) for key in PROVIDERS]


def computers(state: State) -> list[Computer]:
    """Every computer of every provider; this one comes first."""
    return [computer for each in all_providers(state) for computer in each.list()]
