"""The plan of a machine in a cloud, as it is shown before anything is made: what it is, costs, and when it stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ez.cli.compute_sizes import quote_rows
from ez.cli.output import clean, print_json, say
from ez.cli.quantities import show_moment, show_span
from ez.cli.session import Session
from ez.compute.sizes.quote import Quote, quote

if TYPE_CHECKING:
    from ez.compute.machine_plan import Plan


@dataclass(frozen=True)
class ShownPlan:
    """What `ez compute create --dry-run --json` prints: the first attempt with its cost, the address that is let in,
    after how many minutes without work it stops (0 for never), for how many seconds it is wanted, what speaks against
    other attempts, when the cloud's own clock stops it (Unix seconds, 0 for never), and what else was found."""

    name: str
    quote: Quote
    zone: str
    source: str
    idle_minutes: int
    expires_in: float
    skipped: tuple[str, ...]
    fence: float = 0.0
    notes: tuple[str, ...] = ()


def show_plan(run: Session, plan: Plan, *, aside: bool = False) -> None:
    """On stdout, or `aside` on stderr since a result follows."""
    run.stop_progress()
    wanted, need = plan.wanted, plan.wanted.need
    cost = quote(plan.offer, disk=need.disk, spot=need.spot, private=wanted.private, quota_left=plan.quota_left)
    if run.json_output and not aside:
        print_json(
            ShownPlan(
                wanted.name,
                cost,
                plan.zone,
                plan.source,
                wanted.idle_minutes,
                float(wanted.seconds),
                plan.skipped,
                plan.fence,
                plan.notes,
            )
        )
        return
    rows = [("name", wanted.name), *quote_rows(cost), *_terms(plan)]
    tell = say if aside else typer.echo
    for label, value in rows:
        tell(f"{label + ':':<15}{clean(value)}")
    notes = [note for note in plan.choice.notes if not note.startswith("`~`")]
    for reason in (*notes, *plan.notes, *(f"left out: {reason}" for reason in plan.skipped)):
        say(clean(reason))


def _terms(plan: Plan) -> Sequence[tuple[str, str]]:
    wanted, offer = plan.wanted, plan.offer
    never = "never for want of work" if wanted.seconds or plan.fence else "never by itself"
    idle = f"after {show_span(60 * wanted.idle_minutes)} without work" if wanted.idle_minutes else never
    rows = [("stops", idle)]
    if wanted.seconds:
        rows.append(("wanted for", f"{show_span(wanted.seconds)}; it stops then, whatever runs there"))
    if plan.fence:
        rows.append(("at the latest", _fence(plan)))
    if plan.zone:
        rows.append(("zone", plan.zone))
    rows.append(("lets in", plan.source or "nobody from the internet"))
    rows.append(("login", _login(Path(plan.login[1]))))
    if wanted.private:
        jump = plan.workspace.jump
        rows.append(("reached", f"through {jump}" if jump else "from its own network only, without `workspace.jump`"))
    if offer.size.gpu and offer.size.provider == "azure":
        rows.append(("secure boot", "off, since the driver of its cards is not signed for it"))
    return rows


def _login(identity: Path) -> str:
    """See `ez.ssh.keys.LoginKey`."""
    from ez.ssh.config import PROTECTED_KEY

    if identity.suffix == ".pub":
        return "with a key of your SSH agent"
    if identity.name == PROTECTED_KEY:
        return f"with the key that ez made for your SSH agent ({identity})"
    return f"with a key of ez's own that has no passphrase ({identity}); ssh-add before gives it yours"


def _fence(plan: Plan) -> str:
    """The second one, should the machine not stop itself."""
    clock, daily = f"by {plan.offer.size.provider}'s own clock", plan.workspace.stop_daily
    if daily:
        return f"each day at {daily[:2]}:{daily[2:]} UTC, {clock}"
    return f"{show_moment(plan.fence)}, {clock}" + ("" if plan.wanted.seconds else ", unless work goes on there")
