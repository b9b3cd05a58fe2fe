"""Every way to describe an environment. A frontend is a function from a build file to a `Described`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from ez.build.definition import SourceFile
from ez.build.frontends.inputs import Inputs
from ez.build.graph import ImageConfig, State
from ez.errors import DefinitionError
from ez.models import Runtime

FRONTENDS = {
    ".envd": "ez.build.frontends.envd.frontend:describe",
    ".py": "ez.build.frontends.python:describe",
}
"""How a build file's name ends -> the function that reads such files, imported on use."""


@dataclass(frozen=True)
class Described:
    """What a frontend makes of a build file; `load` adds the digest."""

    state: State
    config: ImageConfig
    runtime: Runtime
    sources: tuple[SourceFile, ...] = ()
    warnings: tuple[str, ...] = ()


Frontend = Callable[[Inputs, str, str, str, bool], Described]
"""`(inputs, environment name, file, function, access) -> Described`"""


def frontend_for(file: str) -> Frontend:
    """The frontend that reads `file`. Raises DefinitionError if none does."""
    for ending, place in FRONTENDS.items():
        if file.endswith(ending):
            module, _, function = place.partition(":")
            return cast(Frontend, getattr(import_module(module), function))
    known = ", ".join(f"`{ending}`" for ending in FRONTENDS)
    raise DefinitionError(f"not a kind of build file that ez reads: `{file}`", f"name a file ending in {known}")
