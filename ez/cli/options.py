"""Options that mean the same on every command."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the result, warnings and errors.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Every command on the computer, with its time.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ComputerOption = Annotated[
    str | None,
    typer.Option("--compute", "-c", metavar="NAME", help="The computer; `local` or `.` is this one."),
]
OldComputerOption = Annotated[str | None, typer.Option("-n", hidden=True)]
OldEnvironmentOption = Annotated[str | None, typer.Option("-e", "--name", hidden=True)]
EnvironmentArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="The environment; of this directory if left out.")
]
ComputerArgument = Annotated[str | None, typer.Argument(metavar="NAME", help="The computer.")]
SecretOption = Annotated[
    list[str] | None,
    typer.Option(
        "--secret", metavar="SPEC", help="id=NAME[,env=VARIABLE|,src=FILE]: for steps that mount it; repeatable."
    ),
]
SshOption = Annotated[
    list[str] | None,
    typer.Option("--ssh", metavar="SPEC", help="default[=SOCKET|KEY]: agent for steps that mount it; repeatable."),
]
