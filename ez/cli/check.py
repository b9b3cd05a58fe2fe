"""`ez build --check`: every mistake in a build file, for a person or for an editor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from ez.build.check import ERROR, Diagnostic, check
from ez.cli.line import make_context, project_directory
from ez.cli.output import clean, excerpt_lines, print_json, say
from ez.cli.session import session
from ez.env.given import given_by
from ez.env.reference import parse_reference
from ez.env.request import Request
from ez.errors import EzError, UsageError


@dataclass(frozen=True)
class Checked:
    """`directory` is what the files of `diagnostics` are relative to."""

    directory: str
    errors: int
    warnings: int
    diagnostics: tuple[Diagnostic, ...]


def run_check(
    repo: str | None,
    entry: str,
    name: str | None,
    arguments: tuple[tuple[str, str], ...],
    *,
    plain: bool,
    json_output: bool,
) -> None:
    """Raises EzError after all mistakes are told, UsageError for a repo that is not a directory of this computer."""
    here = Path.cwd()
    reference = parse_reference(repo, here, name=name)
    if reference.path is None:
        raise UsageError(f"--check is for a directory on this computer: `{repo}`", "clone it first")
    directory = Path(reference.path)
    with session("build", json_output=json_output, quiet=True, project=project_directory(repo, here)) as run:
        given = given_by(Request(reference, "local", entry, arguments=arguments), make_context(run))
        found = check(directory, reference.name, entry=entry, access=not plain, given=given)
        run.stop_progress()
    errors = sum(one.severity == ERROR for one in found)
    if json_output:
        print_json(Checked(str(directory), errors, len(found) - errors, found))
    else:
        for one in found:
            _show(one)
    if errors:
        raise EzError(f"{errors} mistake{'s' if errors > 1 else ''} in the build file", "correct what is listed above")
    if not json_output:
        say("no mistakes")


def _show(one: Diagnostic) -> None:
    """As compilers write it, so that editors and people find the place."""
    typer.echo(f"{clean(one.file)}:{one.line}:{one.column}: {one.severity}: {clean(one.message)}")
    if one.source:
        for line in excerpt_lines(one.source, one.line, one.column, one.end_column - one.column):
            typer.echo(line)
    for line in one.hint.splitlines():
        typer.echo(f"     {clean(line)}")
