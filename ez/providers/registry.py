"""The providers, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from ez.errors import ConfigError, StateError
from ez.models import Computer, LocalEndpoint, Workspace
from ez.providers.base import Provider
from ez.state import State

LOCAL = "local"
THIS = Computer(LOCAL, LOCAL, LocalEndpoint())

PROVIDERS = {
    "local": "ez.providers.local:LocalProvider",
    "byo": "ez.providers.byo:OwnMachines",
    "azure": "ez.providers.azure:Azure",
    "aws": "ez.providers.aws:Aws",
}
"""Key of `Computer.provider` -> class."""

SDKS = {
    "azure": ("azure.identity", "azure.mgmt.compute", "azure.mgmt.network", "azure.mgmt.resource"),
    "aws": ("boto3",),
}
"""What a provider imports when it asks its cloud: installed only where it is wanted."""


def missing_sdk(key: str) -> ConfigError | None:
    """The error for a cloud whose SDK is not installed; nothing is imported to find out."""
    if all(_is_there(module) for module in SDKS.get(key, ())):
        return None
    from ez.providers.installing import command

    return ConfigError(f"the SDK of `{key}` is not installed, or not all of it", command(key))


def provider(key: str, state: State, workspace: Workspace | None = None) -> Provider:
    """The provider of that key. Raises StateError for one that this ez does not have, ConfigError without its SDK."""
    if key not in PROVIDERS:
        raise StateError(f"unknown provider: `{key}`", "upgrade ez")
    missing = missing_sdk(key)
    if missing is not None:
        raise missing
    module, _, name = PROVIDERS[key].partition(":")
    made = getattr(import_module(module), name)(state, workspace)
    assert isinstance(made, Provider)
    return made


def find(name: str, state: State) -> Computer | None:
    """The computer of that name, from the index; no provider is imported for it."""
    if name == LOCAL:
        return THIS
    found = state.computer(name)
    return found if found and found.provider in PROVIDERS else None


def computers(state: State) -> list[Computer]:
    """Every computer of every provider; this one comes first."""
    return [THIS, *(computer for computer in state.computers() if computer.provider in PROVIDERS)]


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
