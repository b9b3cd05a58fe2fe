"""What is paid for and no computer needs: found in the cloud, priced for a month, removed when the person agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ez.compute.context import CloudContext
from ez.compute.lifecycle import delete
from ez.compute.listing import account_of
from ez.compute.unfinished import ids_of, sweep
from ez.errors import EzError
from ez.events import step
from ez.models import Workspace
from ez.providers.base import Cleanable, Leftover
from ez.state import MachineRecord

YOUNG_SECONDS = 1800.0
"""What is younger may belong to a machine that is being made elsewhere."""


@dataclass(frozen=True)
class Litter:
    """`leftovers` need no computer any more; `expired` are this person's machines whose time is over. `others` are of
    other people: shown, and removed only when named. `problems` say which clouds were not asked, and why."""

    leftovers: tuple[Leftover, ...] = ()
    expired: tuple[MachineRecord, ...] = ()
    others: tuple[Leftover, ...] = ()
    problems: tuple[EzError, ...] = ()


@dataclass(frozen=True)
class Cleaned:
    """Names of what was removed, and what could not be with the reason."""

    removed: tuple[str, ...]
    left: tuple[tuple[str, str], ...] = ()


def find(cloud: CloudContext) -> Litter:
    """Ask every cloud in which this person may have left something."""
    mine: list[Leftover] = []
    others: list[Leftover] = []
    problems: list[EzError] = []
    sweep(cloud)
    for workspace in _workspaces(cloud):
        try:
            for leftover in _leftovers(workspace, cloud):
                (mine if leftover.owner == workspace.owner else others).append(leftover)
        except EzError as error:
            problems.append(error)
    now = cloud.clock()
    expired = [record for record in cloud.state.machines.all("here") if 0 < record.expires < now]
    return Litter(tuple(mine), tuple(expired), tuple(others), tuple(problems))


def remove(chosen: Sequence[Leftover], expired: Sequence[MachineRecord], cloud: CloudContext) -> Cleaned:
    """One that cannot be removed does not keep the others."""
    removed: list[str] = []
    left: list[tuple[str, str]] = []
    for record in expired:
        try:
            delete(record.name, cloud)
            removed.append(record.name)
        except EzError as error:
            left.append((record.name, error.message))
    for workspace in _workspaces(cloud) if chosen else ():
        for leftover in (each for each in _found(workspace, cloud) if each in chosen):
            # What is another person's was chosen by name.
            as_owner = replace(workspace, owner=leftover.owner or workspace.owner)
            provider = cloud.make(workspace.provider, cloud.state, as_owner)
            assert isinstance(provider, Cleanable)
            try:
                with step(cloud.sink, "remove", f"Remove {leftover.kind} {leftover.name}"):
                    provider.remove(leftover, cloud.sink)
                removed.append(leftover.name)
            except EzError as error:
                left.append((leftover.name, error.message))
    return Cleaned(tuple(removed), tuple(left))


def _found(workspace: Workspace, cloud: CloudContext) -> list[Leftover]:
    """As it is now: what has begun to be used since is left alone, and so is what cannot be asked for."""
    try:
        return _leftovers(workspace, cloud)
    except EzError:
        return []


def _workspaces(cloud: CloudContext) -> list[Workspace]:
    """That of now, those of machines that are not gone, and others of the same account."""
    here = cloud.workspace("")
    living = [record.workspace for record in cloud.state.machines.all("ordered", "here", "leaving", "dead")]
    gone = [record.workspace for record in cloud.state.machines.all("gone")]
    beside = [workspace for workspace in gone if account_of(workspace) == account_of(here)]
    every = [*living, *beside, *([here] if here.provider else [])]
    return list({(*account_of(workspace), workspace.name): workspace for workspace in every}.values())


def _leftovers(workspace: Workspace, cloud: CloudContext) -> list[Leftover]:
    """Without what a machine needs, whosever it is, and without what may be in the making."""
    provider = cloud.make(workspace.provider, cloud.state, workspace)
    if not isinstance(provider, Cleanable):
        return []
    dead = ids_of(cloud.state.machines.all("dead"))
    given_up = dead | ids_of(cloud.state.machines.all("gone"))
    there = {machine.create_id for machine in provider.machines()} - dead
    owned = frozenset(there | ids_of(cloud.state.machines.all("ordered", "here", "leaving"))) - {""}
    now = cloud.clock()
    return [
        leftover
        for leftover in provider.leftovers(owned)
        if leftover.create_id in given_up or now - leftover.created > YOUNG_SECONDS
    ]
