"""`ez workspace info`: the workspace, who is signed in, and its computers with what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from ez.cli.agree import of_workspace, source_of
from ez.cli.options import JsonOption
from ez.cli.output import clean, print_json, print_table, say
from ez.cli.session import Session, session
from ez.errors import EzError

if TYPE_CHECKING:
    from ez.compute.listing import Listed
    from ez.models import Workspace
    from ez.providers.base import Standing


@dataclass(frozen=True)
class ShownInfo:
    """What `ez workspace info --json` prints. `standing` is empty, and `problem` says why, where the cloud was not
    asked with success. Of its computers: `hourly` US dollars that those which run cost now, `monthly` those that they
    cost while all are stopped, `so_far` what they have cost; None if a price is not known."""

    workspace: Workspace
    standing: Standing | None
    problem: str
    computers: tuple[Listed, ...]
    hourly: float | None
    monthly: float | None
    so_far: float | None
    shares: Mapping[str, str] = field(default_factory=dict)


def info(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The workspace (default: the one in use here).")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Show a workspace: account, who is signed in, regions, network, and its computers with what they cost."""
    with session("workspace-info", json_output=json_output) as run:
        if name is not None:
            run = of_workspace(run, name)
        found = _look(run)
        run.stop_progress()
        if json_output:
            print_json(found)
            return
        for label, value in _rows(run, found):
            typer.echo(f"{label + ':' if label else '':<11}{clean(value)}")
        if found.computers:
            _print_computers(found)
        if found.problem:
            say(f"warning: {clean(found.problem)}")


def _look(run: Session) -> ShownInfo:
    from ez.cli.cloud import cloud_context
    from ez.compute.listing import from_index, look
    from ez.compute.spent import kept_monthly

    workspace = run.settings.workspace()
    cloud = cloud_context(run)
    standing, problem = _standing(run, workspace)
    listed = look(cloud).rows if standing is not None else from_index(cloud)
    rows = tuple(row for row in listed if row.workspace == workspace.name and row.provider == workspace.provider)
    records = [record for record in (run.state.machines.named(row.name) for row in rows) if record is not None]
    return ShownInfo(
        workspace,
        standing,
        problem,
        rows,
        _sum([row.price for row in rows if row.power in ("running", "starting", "stopped", "stopping")]),
        _sum([kept_monthly(record) for record in records]),
        _sum([row.cost for row in rows if row.cost is not None]),
        dict(run.settings.shares),
    )


def _standing(run: Session, workspace: Workspace) -> tuple[Standing | None, str]:
    from ez.cli.cloud import make_provider
    from ez.providers.base import Accounts

    if not workspace.provider:
        return None, ""
    try:
        provider = make_provider(run, workspace.provider, run.state, workspace)
        return (provider.standing() if isinstance(provider, Accounts) else None), ""
    except EzError as error:
        return None, error.message + (f" ({error.hint})" if error.hint else "")


def _sum(amounts: list[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _rows(run: Session, found: ShownInfo) -> list[tuple[str, str]]:
    from ez.cli.quantities import show_span

    workspace, standing = found.workspace, found.standing
    account = workspace.account or (standing.account if standing else "the one that is signed in")
    title = f" ({standing.title})" if standing and standing.title not in ("", account) else ""
    idle = f"after {show_span(60 * workspace.idle_minutes)} without work" if workspace.idle_minutes else "never"
    rows = [
        ("workspace", f"{workspace.name} ({source_of(run.settings) or 'nothing is said of it'})"),
        ("cloud", workspace.provider or "none yet: ez init"),
    ]
    if workspace.provider:
        rows += [
            ("account", account + title),
            ("signed in", standing.person if standing else "nobody, as far as is known"),
            ("you are", f"{workspace.owner}, in tags"),
            ("regions", " ".join(workspace.regions) or "any"),
            ("network", workspace.network or "its own, while it has machines"),
            ("machines", "without a public address" if workspace.private else "with a public address"),
            ("stops", f"{idle}, unless a machine says otherwise"),
        ]
    if workspace.registry:
        rows.append(("registry", workspace.registry))
    if found.shares:
        rows += [("share", f"{name}: {share}") for name, share in found.shares.items()]
        rows.append(("", "kept for the team; this ez does not mount them into environments yet"))
    rows += [("wrong", sentence) for sentence in (standing.wrong if standing else ())]
    return rows


def _print_computers(found: ShownInfo) -> None:
    from ez.compute.sizes.words import money

    cells = [
        (row.name, row.power, row.size, row.region, money(row.price), "?" if row.cost is None else money(row.cost),
         row.owner or "-")
        for row in found.computers
    ]  # fmt: skip
    typer.echo()
    print_table(("COMPUTER", "STATE", "SIZE", "REGION", "PRICE/H", "SO FAR", "OWNER"), cells)
    now, off = money(found.hourly), money(found.monthly)
    say(f"now {now} an hour; {money(found.so_far)} so far; {off} a month while your machines are stopped")
