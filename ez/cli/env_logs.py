"""`ez env logs`: what an environment or a service has printed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ez.cli.access import connect, environment
from ez.cli.options import (
    ComputerOption,
    EnvironmentArgument,
    OldComputerOption,
    OldEnvironmentOption,
)
from ez.cli.output import clean
from ez.cli.session import session


def logs(
    name: EnvironmentArgument = None,
    service: Annotated[str, typer.Argument(metavar="[SERVICE]", help="A service, as `ez env info` names it.")] = "",
    compute: ComputerOption = None,
    lines: Annotated[int, typer.Option("--tail", min=0, help="How many lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    old_name: OldEnvironmentOption = None,
    old_computer: OldComputerOption = None,
) -> None:
    """Show what an environment, or one of its services, has printed."""
    from ez.env import manage

    with session("env-logs", quiet=True, log=False) as run:
        record = environment(run, name or old_name, compute or old_computer)
        with connect(run, record.computer) as host:
            manage.logs(host, record.name, service, lines=lines, follow=follow, on_line=_print_line)


def _print_line(line: str) -> None:
    """A terminal is kept from what would repaint it; a file gets the line as it is."""
    typer.echo(clean(line) if sys.stdout.isatty() else line)
