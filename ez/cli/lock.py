"""`ez lock`: the same images, sources and packages for everyone who builds a repo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.options import (
    ArgumentsOption,
    ComputerOption,
    JsonOption,
    QuietOption,
    SecretOption,
    SshOption,
    SyntaxOption,
    VerboseOption,
    arguments_of,
    entry_of,
)
from ez.cli.output import clean, print_json, say
from ez.cli.quantities import number_of
from ez.cli.session import session
from ez.errors import EzError, UsageError

if TYPE_CHECKING:
    from ez.env.locking import LockChange, LockState


def lock(
    directory: Annotated[
        str | None, typer.Argument(metavar="[PATH]", help="A directory with a build file (default: this one).")
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", metavar="FILE[:FUNC]", help="The build file, and the function in it.")
    ] = "build.envd:build",
    syntax: SyntaxOption = None,
    arguments: ArgumentsOption = None,
    compute: ComputerOption = None,
    platforms: Annotated[
        list[str] | None,
        typer.Option(
            "--platform", metavar="OS/ARCH[,...]", help="Lock Python packages for these (default: the engine's own)."
        ),
    ] = None,
    secrets: SecretOption = None,
    ssh: SshOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 where the lock lacks something.")
    ] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Look up everything anew, for newer versions.")] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write ez.lock: base images by digest, Git sources by commit, downloads by checksum, Python packages by hash.

    What is locked stays as it is until --upgrade. Builds obey the lock beside their build file; commit it.
    """
    from ez.build.frontends import Given
    from ez.build.lock.lockfile import NAME
    from ez.cli.build_flags import parse_lent, parse_platforms
    from ez.cli.line import make_context, project_directory
    from ez.env.given import fetcher
    from ez.env.locking import check_lock, write_lock
    from ez.env.reference import parse_reference
    from ez.env.request import Request

    if check and upgrade:
        raise UsageError("--check and --upgrade exclude one another", "use one of them")
    entry = entry_of(from_, syntax)
    wanted = parse_platforms(tuple(platforms or ()))
    here = Path.cwd()
    repo = parse_reference(directory, here)
    if repo.path is None:
        raise UsageError(f"a lock belongs beside its build file, in a directory: `{directory}`", "clone it first")
    project = project_directory(directory, here)
    with session("lock", json_output=json_output, quiet=quiet, verbose=verbose, project=project) as run:
        if check:
            given = Given(arguments_of(arguments), fetch=fetcher(make_context(run)))
            state = check_lock(Path(repo.path), repo.name, entry, given)
            run.stop_progress()
            print_json(state) if json_output else _show_state(state)
            if not state.current:
                raise EzError(f"`{NAME}` does not have all that the build file names", "ez lock")
            return
        lent = parse_lent(tuple(secrets or ()), tuple(ssh or ()), run.settings)
        computer = compute or run.settings.text("defaults.computer")
        request = Request(
            repo,
            "local" if computer == "." else computer,
            entry=entry,
            agent=run.settings.flag("defaults.agent"),
            arguments=arguments_of(arguments),
        )
        changed = write_lock(
            request, make_context(run), upgrade=upgrade, platforms=wanted, secrets=lent[0], agents=lent[1]
        )
        run.stop_progress()
        print_json(changed) if json_output else _show_change(changed)


def _show_state(state: LockState) -> None:
    for missing in state.missing:
        typer.echo(f"missing: {clean(missing)}")
    for unused in state.unused:
        typer.echo(f"unused:  {clean(unused)}")
    if state.current:
        say(f"{state.path} has all that the build file names")


def _show_change(changed: LockChange) -> None:
    for sign, lines in (("+", changed.new), ("-", changed.gone)):
        for line in lines:
            typer.echo(f"{sign} {clean(line)}")
    for left in changed.left:
        say(f"not locked: {clean(left)}")
    count = number_of(changed.entries, "entry", "entries")
    say(f"{changed.path}: {count}" + ("" if changed.new or changed.gone else ", nothing changed"))
