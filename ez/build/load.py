"""A repo's description -> `Definition`. Pure: no network, nothing is run, only files below one directory are read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ez.build.definition import Definition
from ez.build.frontends import frontend_for
from ez.build.frontends.inputs import Inputs
from ez.build.graph import content_of
from ez.build.llb import graph_digest
from ez.errors import DefinitionError

DEFAULT_ENTRY = "build.envd:build"


def load(
    directory: Path,
    name: str,
    *,
    entry: str = DEFAULT_ENTRY,
    access: bool = True,
    fetched: Collection[str] | None = None,
) -> Definition:
    """Evaluate the build file of `directory` for the environment `name`, whose work directory is `/home/envd/<name>`.

    `entry` is `FILE:FUNCTION`, `FILE`, `:FUNCTION` or `FILE:`. With `access` the image can be entered by
    `ez env go` even where the build file asks for a plain one. `directory` may be a partial copy of the repo:
    `fetched` then names the files and directories, relative, that it holds whole, and a MissingInputError tells
    which more are wanted.

    The digest covers the graph, the runtime and the files that the build uses: names, contents, link targets and
    the executable bit as in Git, neither times nor the other mode bits, nor `.git`.

    Raises DefinitionError with file, line and column.
    """
    file, function = _split(entry)
    inputs = Inputs(directory, fetched)
    described = frontend_for(file)(inputs, name, file, function, access)
    contents = inputs.fingerprint()
    graph = graph_digest(described.state, described.config)
    return Definition(
        state=described.state,
        config=described.config,
        runtime=described.runtime,
        digest="sha256:" + content_of(("ez definition 1", graph, described.runtime, contents)),
        context=str(directory),
        inputs=inputs.paths,
        sources=described.sources,
        warnings=described.warnings,
    )


def _split(entry: str) -> tuple[str, str]:
    """`FILE:FUNCTION` with `build.envd` and `build` where a part is empty."""
    file, function = DEFAULT_ENTRY.split(":")
    parts = entry.split(":")
    if len(parts) > 2:
        raise DefinitionError(f"not a build file and a function: `{entry}`", "write it as `build.envd:build`")
    return parts[0] or file, (parts[1] if len(parts) == 2 else "") or function
