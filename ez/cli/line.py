"""What the commands that walk the straight line have in common: what they work with, and how a plan looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ez.cli.access import open_computer
from ez.cli.detach import detach
from ez.cli.endpoint import config_file, ssh_config
from ez.cli.output import clean, print_json
from ez.cli.session import Session, confirm
from ez.env.request import GoContext

if TYPE_CHECKING:
    from ez.env.plan import Plan


def make_context(run: Session) -> GoContext:
    def ask(question: str) -> None:
        run.stop_progress()
        confirm(question, yes=run.yes)

    return GoContext(
        settings=run.settings,
        network=run.settings.network(),
        state=run.state,
        sink=run.sink,
        ssh=lambda: ssh_config(run),
        config_file=config_file(run.settings),
        connect=lambda computer: open_computer(run, computer),
        confirm=ask,
        detach=detach,
    )


def show_plan(planned: Plan, *, json_output: bool) -> None:
    if json_output:
        print_json(planned)
        return
    for action in planned.actions:
        typer.echo(f"{action.step + ':':<9}{clean(action.action)}")


def project_directory(repo: str | None, here: Path) -> Path | None:
    """The directory whose `ez.toml` counts: the repo's, where it is on this computer."""
    directory = here / repo if repo else here
    try:
        return directory if directory.is_dir() else None
    except (OSError, ValueError):
        return None
