"""A repo's description -> `Definition`. No network; only files below one directory are read.

Nothing is run but a `.py` that is named as the build file: see `ez.build.frontends.python`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ez.build.definition import Definition
from ez.build.frontends import Described, frontend_for
from ez.build.frontends.inputs import LOCK, Inputs
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
    locked: bool = True,
    digests: Path | None = None,
) -> Definition:
    """Evaluate the build file of `directory` for the environment `name`, whose work directory is `/home/envd/<name>`.

    `entry` is `FILE:FUNCTION`, `FILE`, `:FUNCTION` or `FILE:`; a `.py` runs as a program, so it has to be the person's
    word and never a setting's or a default's. With `access` the image can be entered by `ez env go` even where the
    build file asks for a plain one. `directory` may be a partial copy of the repo: `fetched` then names the files and
    directories, relative, that it holds whole, and a MissingInputError tells which more are wanted. A lock beside the
    build file (`ez.build.lock.lockfile`) is obeyed, unless not `locked`; what it lacks is a DefinitionError too.

    In the directory `digests` those of large files are remembered (`ez.build.contents`).

    The digest covers the graph, the runtime and the files that the build uses: names, contents, link targets and
    the executable bit as in Git, neither times nor the other mode bits, nor `.git`.

    Raises DefinitionError with file, line and column.
    """
    file, function = _split(entry)
    inputs = Inputs(directory, fetched, digests=digests)
    return define(frontend_for(file)(inputs, name, file, function, access), inputs, directory, locked=locked)


def define(described: Described, inputs: Inputs, directory: Path, *, locked: bool = True) -> Definition:
    """What a frontend made of `directory`, with what its lock says, and its digest."""
    if locked and inputs.find(LOCK) is not None:
        from ez.build.lock.apply import apply, read_lock

        if lock := read_lock(inputs):
            described = replace(described, state=apply(described.state, lock, inputs))
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
        contents=contents,
    )


def _split(entry: str) -> tuple[str, str]:
    """`FILE:FUNCTION` with `build.envd` and `build` where a part is empty, `image` for a Python program."""
    file, _, function = entry.partition(":")
    if ":" in function.partition("(")[0]:
        raise DefinitionError(f"not a build file and a function: `{entry}`", "write it as `build.envd:build`")
    default_file, _, default_function = DEFAULT_ENTRY.partition(":")
    return file or default_file, function or ("image" if file.endswith(".py") else default_function)
