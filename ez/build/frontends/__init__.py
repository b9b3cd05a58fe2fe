"""Every way to describe an environment. A frontend is a function from a build file to a `Described`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

from ez.build.definition import SourceFile
from ez.build.frontends.inputs import Inputs
from ez.build.graph import ImageConfig, State
from ez.build.includes import FetchIncluded, Included
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
    includes: tuple[Included, ...] = ()


@dataclass(frozen=True)
class Given:
    """What a person gives to a build file beside the repo: `arguments` for its function, as typed; `personal`, a file
    of defaults that runs before it; `fetch`, which has the repos that it includes. `edit` changes the text of a file
    before it runs, for a check that goes on after a mistake. `finished` remembers runs from one definition to the
    next, where it is given."""

    arguments: tuple[tuple[str, str], ...] = ()
    personal: SourceFile | None = None
    fetch: FetchIncluded | None = None
    edit: Callable[[str, str], str] | None = field(default=None, repr=False)
    finished: dict[object, Any] | None = field(default=None, repr=False)


NOTHING_GIVEN = Given()

Frontend = Callable[[Inputs, str, str, str, bool, Given], Described]
"""`(inputs, environment name, file, function, access, given) -> Described`"""


def frontend_for(file: str) -> Frontend:
    """The frontend that reads `file`. Raises DefinitionError if none does."""
    for ending, place in FRONTENDS.items():
        if file.endswith(ending):
            module, _, function = place.partition(":")
            return cast(Frontend, getattr(import_module(module), function))
    known = ", ".join(f"`{ending}`" for ending in FRONTENDS)
    raise DefinitionError(f"not a kind of build file that ez reads: `{file}`", f"name a file ending in {known}")
