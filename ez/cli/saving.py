"""Before a machine stops or goes: what of its environments is nowhere else is saved on this computer, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.output import clean, say
from ez.cli.session import Session
from ez.errors import EzError, HostError

if TYPE_CHECKING:
    from ez.env.migrate.saving import Saved

SkipOption = Annotated[
    bool,
    typer.Option("--force", help="Also when it is another person's, and without saving work that is nowhere else."),
]


def save_before(run: Session, name: str, verb: str) -> tuple[Saved, ...]:
    """Save the work of the environments on computer `name`. Raises EzError where `verb` would lose what cannot be
    looked at; a machine that is off keeps its disk until it is deleted."""
    from ez.cli.access import connect
    from ez.env.migrate.saving import save_work
    from ez.events import step

    environments = [item.name for item in run.state.environments(name)]
    machine = run.state.machines.named(name)
    if not environments or (machine is not None and machine.power != "running"):
        if environments and verb == "delete":
            say(f"`{name}` is off, so its work could not be looked at: {', '.join(environments)}")
        return ()
    saved: list[Saved] = []
    try:
        with step(run.sink, "save", f"Look for work on {name} that is nowhere else") as report:
            with connect(run, name) as host:
                for environment in environments:
                    saved += save_work(host, environment, run.settings.directories.state / "saved", run.sink)
            report.detail = f"{len(saved)} saved" if saved else "none"
    except HostError as error:
        _unreachable(name, verb, error)
    except EzError as error:
        raise EzError(
            f"the work on `{name}` cannot be saved: {error.message}", f"to {verb} it all the same: --force"
        ) from error
    for each in saved:
        inside = f", submodule `{each.module}`" if each.module else ""
        say(clean(f"work of `{each.environment}`{inside} on `{name}` is saved: {each.path}"))
    return tuple(saved)


def _unreachable(name: str, verb: str, error: HostError) -> None:
    if verb == "delete":
        raise EzError(
            f"`{name}` cannot be looked at for work that is nowhere else: {error.message}",
            "to delete it all the same: --force",
        ) from error
    say(f"`{name}` could not be looked at for work that is nowhere else; its disk stays")
