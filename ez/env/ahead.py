"""What a repo wants of a computer, before there is one: its build file is evaluated here, where that can be done.

A mistake in it then costs nothing, and the machine that is made for it has the cards that it asks for.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ez.build.load import load
from ez.build.lock.lockfile import NAME as LOCK
from ez.compute.need import GpuNeed
from ez.env.evaluate import load_here
from ez.env.given import fetcher, given_by
from ez.env.need import gpu_need
from ez.env.request import GoContext, Request
from ez.errors import HostError, MissingInputError, SourceError, UsageError
from ez.events import Notice, step

_BESIDE = (LOCK, ".ezignore", ".dockerignore")
"""Files that change neither cards nor CUDA: taken as if the repo had none."""


@dataclass(frozen=True)
class Ahead:
    """`gpus` is the number of cards that it asks for, -1 for all that there are; `cuda` what they have to know."""

    gpus: int = 0
    cuda: GpuNeed | None = None


def look_ahead(request: Request, context: GoContext) -> Ahead:
    """Nothing is wanted where the repo cannot be read from here, or its build file needs more than build files.

    Raises DefinitionError for a mistake in it.
    """
    if request.repo.url is None:
        definition = load_here(request, context, access=True)
        return Ahead(definition.runtime.gpus, gpu_need(definition))
    with step(context.sink, "ahead", f"Look at {request.entry} of {request.repo.url}") as report:
        try:
            return _of_url(request, context, request.repo.url)
        except MissingInputError as error:
            file = request.entry.partition(":")[0]
            if file.endswith(".envd") and file in error.paths:
                raise
            report.detail = "it needs more of the repo, and is evaluated on the machine"
        except (HostError, SourceError, UsageError) as error:
            text = f"the repo cannot be read from here, so its build file is evaluated on the machine: {error.message}"
            context.sink(Notice(text))
        report.skipped = True
        return Ahead()


def _of_url(request: Request, context: GoContext, url: str) -> Ahead:
    files = fetcher(context)(url, request.repo.ref or "", "").files
    with tempfile.TemporaryDirectory(prefix="ez-ahead-") as folder:
        written = [_write(Path(folder), name, data) for name, data in files]
        known, given = (*written, *_BESIDE), given_by(request, context)
        definition = load(Path(folder), request.name, entry=request.entry, fetched=known, given=given)
        return Ahead(definition.runtime.gpus, gpu_need(definition))


def _write(folder: Path, name: str, data: bytes) -> str:
    """Raises SourceError for a path that leads out of the repo."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise SourceError(f"a file of the repo leads out of it: `{name}`", "remove it from the repo")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return name
