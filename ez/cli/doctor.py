"""`ez doctor`: every link of the chain, each fine or with the exact fix."""

from __future__ import annotations

from typing import Annotated

import typer

from ez.cli.options import JsonOption, OldComputerOption
from ez.cli.output import clean, paint, print_json, say
from ez.cli.session import project_of
from ez.config import Settings, resolve
from ez.events import null_sink
from ez.models import Computer, LocalEndpoint

_MARKS = {"ok": ("ok", "32"), "warning": ("!!", "33"), "failed": ("XX", "31")}


def doctor(
    computer: Annotated[
        str | None, typer.Argument(metavar="[COMPUTER]", help="Check this computer and the way to it.")
    ] = None,
    json_output: JsonOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Check every prerequisite and every link of the chain; each passes or comes with its fix."""
    from ez.cli.endpoint import open_endpoint
    from ez.env.doctor import checks

    settings = resolve(project=project_of())
    target = _computer(settings, computer or old_name)
    found = []
    for check in checks(settings, target, lambda chosen: open_endpoint(settings, chosen, null_sink)):
        found.append(check)
        if not json_output:
            mark, colour = _MARKS[check.status]
            typer.echo(
                f"{paint(mark, colour)}  {clean(check.title)}" + (f": {clean(check.detail)}" if check.detail else "")
            )
            if check.fix:
                typer.echo(f"      fix: {clean(check.fix)}")
    if json_output:
        print_json(found)
    failed = sum(check.status == "failed" for check in found)
    if failed:
        say(f"{failed} of {len(found)} checks failed")
        raise typer.Exit(1)


def _computer(settings: Settings, name: str | None) -> Computer:
    """This computer needs no index, so that a damaged one can be diagnosed."""
    if name in (None, "local", "."):
        return Computer("local", "local", LocalEndpoint())
    from ez.compute.ensure import ensure
    from ez.state import State

    with State(settings.directories.database) as state:
        return ensure(str(name), state)
