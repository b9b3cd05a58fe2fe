"""A repo's description -> `Definition`. No network; only files below one directory are read.

Nothing is run but a `.py` that is named as the build file: see `ez.build.frontends.python`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ez.build.definition import Definition
from ez.build.frontends import NOTHING_GIVEN, Described, Given, frontend_for
from ez.build.frontends.inputs import LOCK, Inputs
from ez.build.graph import content_of
from ez.build.includes import Included
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
    given: Given = NOTHING_GIVEN,
) -> Definition:
    """Evaluate the build file of `directory` for the environment `name`, whose work directory is `/home/envd/<name>`.

    `entry` is `FILE:FUNCTION`, `FILE`, `:FUNCTION` or `FILE:`, and `FILE:FUNCTION#v0` whatever version the file names;
    a `.py` runs as a program, so it has to be the person's word and never a setting's or a default's. With `access` the
    image can be entered by `ez env go` even where the build file asks for a plain one. `directory` may be a partial
    copy of the repo: `fetched` then names the files and directories, relative, that it holds whole, and a
    MissingInputError tells which more are wanted. A lock beside the build file (`ez.build.lock.lockfile`) is obeyed,
    unless not `locked`; what it lacks is a DefinitionError too.

    In the directory `digests` those of large files are remembered (`ez.build.contents`). `given` is what the person
    adds: arguments, defaults of their own, and a way to have the repos that a build file includes; a lock says at which
    commits.

    The digest covers the graph, the runtime and the files that the build uses: names, contents, link targets and
    the executable bit as in Git, neither times nor the other mode bits, nor `.git`.

    Raises DefinitionError with file, line and column.
    """
    file, function = split_entry(entry)
    inputs = Inputs(directory, fetched, digests=digests)
    try:
        described = frontend_for(file)(inputs, name, file, function, access, pinned(given, inputs, locked=locked))
        return define(described, inputs, directory, locked=locked)
    except DefinitionError as error:
        error.excerpt = error.excerpt or inputs.line(error.file, error.line)
        raise


def pinned(given: Given, inputs: Inputs, *, locked: bool) -> Given:
    """`given` where there is a lock: with what is included at its commits, and without anybody's own defaults. What it
    lacks is a DefinitionError later."""
    fetch = given.fetch
    if not locked:
        return given
    if given.personal is not None and inputs.find(LOCK) is not None:
        given = replace(given, personal=None)
    if fetch is None:
        return given

    def fetch_locked(url: str, ref: str, commit: str) -> Included:
        from ez.build.lock.apply import locked_commit, read_lock

        return fetch(url, ref, commit or locked_commit(read_lock(inputs), url, ref))

    return replace(given, fetch=fetch_locked)


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
        includes=described.includes,
    )


def split_entry(entry: str) -> tuple[str, str]:
    """`FILE:FUNCTION` with `build.envd` and `build` where a part is empty, `image` for a Python program."""
    file, _, function = entry.partition(":")
    if ":" in function.partition("(")[0]:
        raise DefinitionError(f"not a build file and a function: `{entry}`", "write it as `build.envd:build`")
    default_file, _, default_function = DEFAULT_ENTRY.partition(":")
    return file or default_file, function or ("image" if file.endswith(".py") else default_function)
