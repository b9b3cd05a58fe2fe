"""Writing what a migration makes of a repo's build files: all of them or none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ez.build.frontends.envd.v0.migrate import Migration
from ez.env.files import write_whole
from ez.errors import EzError


def write_migration(directory: Path, migration: Migration) -> tuple[str, ...]:
    """The paths of the files that were written, below `directory`. Raises EzError, with all files as they were."""
    if migration.left:
        first = migration.left[0]
        message = f"not all can be rewritten: {first.file}:{first.line}: {first.text}"
        raise EzError(message, "change what is listed by hand, then run it again")
    written: list[tuple[Path, str]] = []
    try:
        for file in migration.files:
            path = (directory / file.path).resolve()
            write_whole(path, file.after.encode())
            written.append((path, file.before))
    except EzError:
        for path, before in written:
            with suppress(EzError):
                write_whole(path, before.encode())
        raise
    return tuple(file.path for file in migration.files)
