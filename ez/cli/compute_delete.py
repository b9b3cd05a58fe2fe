"""`ez compute delete`: a machine of a cloud with all that was made for it, or what is known of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.cloud import agreed, cloud_context, machine_of, named
from ez.cli.endpoint import ssh_config
from ez.cli.options import ComputerArgument, JsonOption, OldComputerOption, QuietOption, VerboseOption, YesOption
from ez.cli.output import clean, print_json, say
from ez.cli.saving import SkipOption, save_before
from ez.cli.session import Session, confirm, require_answer, session
from ez.errors import UsageError
from ez.models import Computer

if TYPE_CHECKING:
    from ez.compute.context import CloudContext
    from ez.state import MachineRecord


def delete(
    name: ComputerArgument = None,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and stop.")] = False,
    force: SkipOption = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Only forget it here; its cloud is not asked, and may go on to bill it.")
    ] = False,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    old_name: OldComputerOption = None,
) -> None:
    """Delete a machine of a cloud with everything that was made for it; forget one that you own."""
    chosen = named(name or old_name)
    if chosen in ("local", "."):
        raise UsageError("which computer? `local` is always listed", "ez compute ls")
    with session("compute-delete", json_output=json_output, quiet=quiet, verbose=verbose, yes=yes) as run:
        known = run.state.computer(chosen)
        if known is not None and machine_of(run, known) is None:
            _forget(run, known, yes=yes, dry_run=dry_run)
            return
        cloud = cloud_context(run)
        if forget:
            _forget_machine(run, cloud, chosen)
        else:
            _delete_machine(run, cloud, chosen, force=force, dry_run=dry_run)


def _delete_machine(run: Session, cloud: CloudContext, name: str, *, force: bool, dry_run: bool) -> None:
    from ez.compute.ensure import ensure
    from ez.compute.lifecycle import delete as delete_machine
    from ez.compute.sizes.words import money
    from ez.compute.spent import total_cost

    if run.state.machines.named(name) is None and not run.yes and not dry_run:
        require_answer(f"delete `{name}`?")
    record, owner = _meant(run, cloud, name)
    environments = [item.name for item in run.state.environments(name)]
    if record is None and all(each.name != name for each in run.state.machines.all()):
        ensure(name, run.state)
    what = _words(record, owner, environments, cloud) if record else f"what is left of `{name}`"
    if dry_run:
        cost = total_cost(record, cloud) if record else None
        _plan(run, f"would delete {what}", name, environments, cost)
        return
    run.stop_progress()
    if owner and not force:
        agreed(name, "delete", force, cloud)
    elif record is not None:
        confirm(f"delete {what}?", yes=run.yes)
    saved = () if force else save_before(run, name, "delete")
    gone = delete_machine(name, cloud, force=bool(owner))
    _withdraw(run, name, environments)
    cost = total_cost(gone, cloud) if gone is not None else None
    if run.json_output:
        print_json({"deleted": name if gone else None, "environments": environments, "cost": cost, "saved": saved})
    elif gone is None:
        say(f"nothing of `{name}` was there")
    else:
        say(f"deleted `{name}`" + (f"; it has cost {money(cost)} in all" if cost is not None else ""))


def _meant(run: Session, cloud: CloudContext, name: str) -> tuple[MachineRecord | None, str]:
    """The machine, and whose it is where it is another person's; a cloud is asked for one that the index does not
    know."""
    from ez.compute.adopt import adopt

    record = run.state.machines.named(name)
    return (record, "") if record is not None else adopt(name, cloud) or (None, "")


def _words(record: MachineRecord, owner: str, environments: list[str], cloud: CloudContext) -> str:
    from ez.compute.sizes.words import money
    from ez.compute.spent import total_cost

    cost = total_cost(record, cloud)
    state = record.power or record.phase
    about = [f"{record.size} in {record.region}"] if record.size else []
    about += [state] if record.size else []
    about += [f"{money(cost)} so far"] if cost is not None else []
    whose = f" of {owner}" if owner else ""
    gone = f"; its environments go with it: {', '.join(environments)}" if environments else ""
    return f"`{record.name}`{whose} ({', '.join(about)}) with its disk and everything on it{gone}"


def _plan(run: Session, words: str, name: str, environments: list[str], cost: float | None) -> None:
    """What `--dry-run` shows. `environments` are gone with the machine of a cloud, or stay unlisted on one's own."""
    run.stop_progress()
    if run.json_output:
        print_json({"would_delete": name, "environments": environments, "cost": cost})
    else:
        typer.echo(clean(words))


def _forget_machine(run: Session, cloud: CloudContext, name: str) -> None:
    from ez.compute.kept import forget

    record = run.state.machines.named(name)
    if record is None:
        raise UsageError(f"no machine of a cloud is known as `{name}`", "ez compute ls")
    confirm(f"forget `{name}` without deleting it? If it is still there, it goes on to cost money", yes=run.yes)
    environments = [item.name for item in run.state.environments(name)]
    with cloud.alone(name):
        forget(record, cloud)
    _withdraw(run, name, environments)
    if run.json_output:
        print_json({"forgotten": name, "environments": environments})
    else:
        say(f"forgot `{name}`")


def _withdraw(run: Session, name: str, environments: list[str]) -> None:
    """Aliases lead nowhere now."""
    published = ssh_config(run)
    for environment in environments:
        published.withdraw_environment(environment, name)
    published.withdraw_computer(name)
    run.stop_progress()


def _forget(run: Session, computer: Computer, *, yes: bool, dry_run: bool) -> None:
    from ez.compute.listing import place

    names = [record.name for record in run.state.environments(computer.name)]
    run.stop_progress()
    about = f"; its environments stay there, unlisted: {', '.join(names)}" if names else ""
    if dry_run:
        _plan(run, f"would forget `{computer.name}` ({place(computer)}){about}", computer.name, names, None)
        return
    confirm(f"forget `{computer.name}` ({place(computer)}){about}?", yes=yes)
    _withdraw(run, computer.name, names)
    run.state.delete_computer(computer.name)
    if run.json_output:
        print_json({"forgotten": computer.name, "environments": names})
    else:
        say(f"forgot `{computer.name}`")
