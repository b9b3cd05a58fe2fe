"""`ez build --migrate`: a build file of v0 in v1, as a diff or written; and `--stubs`, the language for an editor."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ez.cli.output import clean, print_json, say
from ez.cli.session import session
from ez.errors import EzError, UsageError

if TYPE_CHECKING:
    from ez.build.frontends.envd.v0.migrate import Left, Migration

STUBS = "__builtins__.pyi"
"""What Pyright and Pylance call a file of names that are there without an import."""


@dataclass(frozen=True)
class Migrated:
    """`diff` is a unified diff, empty where there is nothing to do; `written` the files that have it."""

    diff: str
    left: tuple[Left, ...]
    written: tuple[str, ...]


def run_migrate(
    repo: str | None,
    entry: str,
    name: str | None,
    arguments: tuple[tuple[str, str], ...],
    *,
    write: bool,
    json_output: bool,
) -> None:
    """Raises EzError, after all is told, where something is left for a person to rewrite."""
    from ez.build.frontends.envd.v0.migrate import migrate
    from ez.cli.line import make_context, project_directory
    from ez.env.given import given_by
    from ez.env.migrating import write_migration
    from ez.env.reference import parse_reference
    from ez.env.request import Request

    here = Path.cwd()
    reference = parse_reference(repo, here, name=name)
    if reference.path is None:
        raise UsageError(f"--migrate is for a directory on this computer: `{repo}`", "clone it first")
    directory = Path(reference.path)
    with session("build", json_output=json_output, quiet=True, project=project_directory(repo, here)) as run:
        given = given_by(Request(reference, "local", entry, arguments=arguments), make_context(run))
        migration = migrate(directory, reference.name, entry, replace(given, personal=None))
        run.stop_progress()
        diff = "".join(_diff(migration))
        written = write_migration(directory, migration) if write and not migration.left else ()
        if json_output:
            print_json(Migrated(diff, migration.left, written))
        else:
            _show(migration, diff, written)
    if migration.left:
        raise EzError(
            "not all of it can be rewritten" + (", so nothing is written" if write else ""),
            "change by hand what is listed above, then run it again",
        )


def _diff(migration: Migration) -> Iterator[str]:
    for file in migration.files:
        before, after = (StringIO(text, newline="\n").readlines() for text in (file.before, file.after))
        for line in unified_diff(before, after, f"a/{file.path}", f"b/{file.path}"):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _show(migration: Migration, diff: str, written: tuple[str, ...]) -> None:
    """The diff as it is for a pipe, so that `patch -p1` reads it."""
    shown = "".join(f"{clean(line)}\n" for line in diff.splitlines()) if sys.stdout.isatty() else diff
    typer.echo(shown, nl=False)
    for left in migration.left:
        say(f"{clean(left.file)}:{left.line}: {clean(left.text)}")
    if not migration.files:
        say("nothing to do: it is in v1")
    elif written:
        say(f"wrote {', '.join(clean(path) for path in written)}")
    elif not migration.left:
        say("nothing is written; to do it: ez build --migrate --write")


def write_stubs(directory: str, version: str) -> None:
    """Put the names of the language where an editor looks for them. Raises EzError."""
    from ez.env.files import write_whole

    place = Path(directory)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EzError(f"cannot be made: `{directory}`: {error.strerror}", "name another directory") from error
    write_whole(place / STUBS, (files("ez") / "api" / f"{version}.pyi").read_bytes())
    typer.echo(str(place / STUBS))
