"""From a source to a `Definition`, with what it reads fetched as it turns out to be needed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ez.build.definition import Definition
from ez.build.load import load
from ez.config import Settings
from ez.env.given import given_by, tell_personal
from ez.env.request import GoContext, Request
from ez.env.source import Source, fetch_more
from ez.errors import DefinitionError, MissingInputError
from ez.ssh.host import Host

_MOST_FETCHES = 50
_INPUTS = "inputs.json"


def check_early(request: Request, context: GoContext, *, access: bool = True) -> None:
    """Evaluate a build file that is on this computer, so that a broken one fails before anything is touched."""
    if request.repo.path is not None and request.repo.url is None:
        load_here(request, context, access=access)


def load_here(request: Request, context: GoContext, *, access: bool) -> Definition:
    """The definition of a directory of this computer."""
    return load(
        Path(request.repo.path or "."),
        request.name,
        entry=request.entry,
        access=access,
        digests=digests(context.settings),
        given=given_by(request, context),
    )


def evaluate(
    host: Host, source: Source, request: Request, context: GoContext, *, access: bool = True
) -> tuple[Definition, Source]:
    """The definition, and the source with the files that it reads. Raises DefinitionError."""
    known, given = digests(context.settings), given_by(request, context)
    tell_personal(request, context)
    for _ in range(_MOST_FETCHES):
        try:
            definition = load(
                source.directory,
                request.name,
                entry=request.entry,
                access=access,
                fetched=source.fetched,
                digests=known,
                given=given,
            )
            return definition, source
        except MissingInputError as error:
            if source.fetched is None or set(error.paths) <= set(source.fetched):
                raise
            source = fetch_more(host, source, error.paths, sink=context.sink)
    raise DefinitionError(f"the build file asks for files without end: `{request.entry}`", "correct its load() calls")


def digests(settings: Settings) -> Path:
    """Where those of files are remembered; it may be removed at any time."""
    return settings.directories.cache / "digests"


def remembered(cache: Path, entry: str) -> tuple[str, ...]:
    """The paths that the definition read last time, and its build file: what a run most likely needs."""
    try:
        known = json.loads((cache / _INPUTS).read_text("utf-8"))
    except (OSError, ValueError):
        known = []
    paths = [path for path in known if isinstance(path, str)] if isinstance(known, list) else []
    file = entry.partition(":")[0]
    return tuple(dict.fromkeys([*([file] if file else []), *paths]))


def remember(cache: Path, definition: Definition) -> None:
    """Keep the paths for `remembered`; they are only a guess that saves round trips."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = cache / f"{_INPUTS}.{os.urandom(4).hex()}.new"
    draft.write_text(json.dumps(list(definition.inputs)), "utf-8")
    draft.replace(cache / _INPUTS)
