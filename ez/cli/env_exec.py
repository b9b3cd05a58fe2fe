"""`ez env exec`: one command, whose words stay words."""

from __future__ import annotations

from typing import Annotated

import typer

from ez.cli.access import environment
from ez.cli.entering import enter
from ez.cli.options import (
    ComputerOption,
    EnvironmentArgument,
    OldComputerOption,
    OldEnvironmentOption,
)
from ez.cli.session import session
from ez.errors import EzError, UsageError


def exec_(
    context: typer.Context,
    name: EnvironmentArgument = None,
    command: Annotated[
        str | None, typer.Option("--command", metavar="NAME", help="A command that runtime.command named.")
    ] = None,
    compute: ComputerOption = None,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Run a command in the environment's work directory: ez env exec NAME -- CMD ARG... (words stay words)."""
    import shlex

    with session("env-exec", quiet=True, log=False) as run:
        record = environment(run, name or old_name, compute or old_computer)
        if command is not None:
            named = dict(record.commands)
            if command not in named:
                raise EzError(
                    f"`{record.name}` has no command `{command}`",
                    f"named commands: {', '.join(sorted(named)) or 'none'} (runtime.command in build.envd)",
                )
            line = " ".join([named[command], *(shlex.quote(word) for word in context.args)])
        elif context.args:
            line = shlex.join(context.args)
        else:
            raise UsageError("no command was given", f"ez env exec {record.name} -- python --version")
        code = enter(run, record, [f"cd {shlex.quote(record.workdir)} && {line}"])
    raise typer.Exit(code)
