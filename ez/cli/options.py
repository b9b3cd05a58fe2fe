"""Options that mean the same on every command."""

from __future__ import annotations

from typing import Annotated

import typer

from ez.errors import UsageError
from ez.names import shown

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
        "--secret",
        metavar="SPEC",
        help="id=NAME[,env=VARIABLE|,src=FILE|,kept=SECRET]: for steps that mount it; repeatable.",
    ),
]
SshOption = Annotated[
    list[str] | None,
    typer.Option("--ssh", metavar="SPEC", help="default[=SOCKET|KEY]: agent for steps that mount it; repeatable."),
]
SyntaxOption = Annotated[
    str | None,
    typer.Option("--syntax", metavar="VERSION", help="Language of the build file: v1 or v0 (default: its first line)."),
]

ArgumentsOption = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="An argument of the build function; repeatable."),
]


def arguments_of(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Names and values of `--arg`. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"not an argument: `{shown(text)}`", "write it as --arg NAME=VALUE")
        if name in found:
            raise UsageError(f"--arg is given twice for: `{shown(name)}`", "leave out one of them")
        found[name] = value
    return tuple(found.items())


def entry_of(file: str, syntax: str | None) -> str:
    """`FILE:FUNC`, with the version of the language where one is given. Raises UsageError."""
    if syntax is None:
        return file
    from ez.build.frontends.envd.syntax import VERSIONS, with_syntax

    if syntax not in VERSIONS:
        raise UsageError(f"not a value of --syntax: `{shown(syntax)}`", f"use one of {', '.join(VERSIONS)}")
    if not (file.partition(":")[0] or ".envd").endswith(".envd"):
        raise UsageError(f"--syntax is for build files of envd: `{shown(file)}`", "leave out --syntax")
    return with_syntax(file, syntax)
