"""Before a machine stops or goes: what of its environments is nowhere else is saved on this computer, and told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.access import connect
from ez.cli.output import clean, say
from ez.cli.quantities import number_of, show_moment, show_size
from ez.cli.session import Session
from ez.errors import CloudError, EzError, HostError

if TYPE_CHECKING:
    from ez.env.migrate.saving import Saved
    from ez.ssh.host import Host
    from ez.state import MachineRecord

SkipOption = Annotated[
    bool,
    typer.Option("--force", help="Also when it is another person's, and without saving work that is nowhere else."),
]

_OFF = ("stopping", "stopped", "deallocating", "deallocated", "evicted")
_RUNS = ("starting", "running")


def save_before(run: Session, name: str, verb: str) -> tuple[Saved, ...]:
    """Save the work of the environments on computer `name`, which `verb` (`stop`, `delete`) ends. Raises EzError where
    deleting would lose what cannot be looked at; a machine that stops keeps its disk."""
    environments = [item.name for item in run.state.environments(name)]
    machine = run.state.machines.named(name)
    if not environments:
        return ()
    if machine is not None and machine.power in _OFF:
        machine = _asked_again(run, machine)
    if machine is not None and machine.power in _OFF:
        _off(run, machine, verb, environments)
        return ()
    if machine is not None and (machine.power not in _RUNS or machine.phase != "here"):
        state = machine.power if machine.phase == "here" else "not whole"
        say(clean(f"warning: `{name}` is {state}, so its work is not looked at: {', '.join(environments)}"))
        return ()
    try:
        saved = _save(run, name, environments, machine if verb == "stop" else None)
    except EzError as error:
        if machine is not None and isinstance(error, CloudError):
            # It has stopped by itself since ez last looked.
            machine = run.state.machines.named(name) or machine
            if machine.power in _OFF:
                _off(run, machine, verb, environments)
                return ()
        if verb == "delete":
            what = "cannot be looked at" if isinstance(error, HostError) else "cannot be saved"
            hint = f"to delete it all the same: ez compute delete {name} --force"
            raise EzError(f"the work on `{name}` {what}: {error.message}", hint) from error
        say(clean(f"warning: the work on `{name}` is not saved: {error.message}; its disk stays"))
        return ()
    run.stop_progress()
    tell_saved(run, saved)
    return saved


def save_environment(run: Session, host: Host, environment: str) -> tuple[Saved, ...]:
    """The work of one. Raises EzError."""
    from ez.env.migrate.saved import saved_folder
    from ez.env.migrate.saving import Origin, home_keys, save_work

    state = run.settings.directories.state
    record = run.state.environment(environment, host.name)
    url, path = (record.repo_url, record.repo_path) if record is not None else ("", "")
    return save_work(host, environment, saved_folder(state), run.sink, Origin(url, path, home_keys(state)))


def save_tree(run: Session, host: Host, environment: str) -> tuple[Saved, ...]:
    """The same before its work tree is deleted. Raises EzError."""
    from ez.events import step

    try:
        with step(run.sink, "save", f"Look for work of {environment} that is nowhere else") as report:
            saved = save_environment(run, host, environment)
            report.detail = f"{len(saved)} saved" if saved else "none"
    except HostError:
        raise
    except EzError as error:
        what = f"the work of `{environment}` cannot be saved: {error.message}"
        raise EzError(what, "to delete it all the same: --force") from error
    return saved


def tell_saved(run: Session, saved: tuple[Saved, ...]) -> None:
    from ez.env.migrate.saved import old, saved_folder

    for each in saved:
        inside = f", `{each.module}` in it," if each.module else ""
        verb = "was saved before" if each.before else "is saved"
        say(clean(f"work of `{each.environment}`{inside} on `{each.computer}` {verb}: {each.path}"))
    if not saved:
        return
    say(clean(f"to have it again: ez env saved restore {saved[0].name}"))
    outdated = old(saved_folder(run.settings.directories.state), time.time())
    if outdated:
        size = show_size(sum(group.bytes for group in outdated))
        say(f"{number_of(len(outdated), 'save')} of {size} are older than 90 days: ez env saved ls")


def _save(run: Session, name: str, known: list[str], noted: MachineRecord | None) -> tuple[Saved, ...]:
    """Of all that the machine has, also what was made from another laptop. `noted`: the look is for a stop."""
    from ez.env.manage import trees
    from ez.env.migrate.looks import Look, note_look
    from ez.env.migrate.saved import saved_folder
    from ez.events import step

    saved: list[Saved] = []
    with step(run.sink, "save", f"Look for work on {name} that is nowhere else") as report:
        with connect(run, name) as host:
            environments = tuple(sorted({*known, *trees(host)}))
            for environment in environments:
                saved += save_environment(run, host, environment)
        report.detail = f"{len(saved)} saved" if saved else "none"
    if noted is not None:
        names = tuple(dict.fromkeys(each.name for each in saved))
        folder = saved_folder(run.settings.directories.state)
        note_look(folder, name, Look(noted.create_id, time.time(), environments, names))
    return tuple(saved)


def _asked_again(run: Session, machine: MachineRecord) -> MachineRecord:
    """It may have been started elsewhere; where its cloud does not answer, as it was known."""
    from ez.cli.cloud import cloud_context
    from ez.compute.listing import ask_again

    try:
        return ask_again(machine, cloud_context(run))
    except EzError:
        return machine


def _off(run: Session, machine: MachineRecord, verb: str, environments: list[str]) -> None:
    """Raises EzError for one that is to be deleted, unless it was looked at when it was stopped."""
    from ez.env.migrate.looks import last_look
    from ez.env.migrate.saved import groups, saved_folder

    if verb != "delete":
        return
    folder = saved_folder(run.settings.directories.state)
    look = last_look(folder, machine.name)
    started = [change.at for change in run.state.machines.changes(machine.create_id) if change.power in _RUNS]
    if look is None or look.create_id != machine.create_id or any(at > look.at for at in started):
        raise EzError(
            f"`{machine.name}` is off, so its work cannot be looked at: {', '.join(environments)}",
            f"ez compute start {machine.name}, then this again; to delete it without a look: --force",
        )
    there = {group.name for group in groups(folder)}
    missing = [name for name in look.saved if name not in there]
    if missing:
        raise EzError(
            f"what was saved of `{machine.name}` when it was stopped is no longer here: `{missing[0]}`",
            f"ez compute start {machine.name}, then this again; to delete it without a look: --force",
        )
    found = f"was saved: {', '.join(look.saved)}" if look.saved else "nothing was nowhere else"
    say(clean(f"`{machine.name}` is off; when it was stopped, {show_moment(look.at)}, {found}"))
