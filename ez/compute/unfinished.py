"""What an ez that was killed, or a cloud that failed, has left: found by the next command, and finished or removed.

Before the first billed call there is a record of phase `ordered`, before the first that deletes one of phase `leaving`;
an attempt that was given up stays as `dead` until its cloud shows nothing of it any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from ez.compute.context import CloudContext
from ez.compute.fence import fence
from ez.compute.kept import forget, keep
from ez.errors import CloudError, EzError
from ez.events import Notice, step
from ez.providers.base import Cleanable, Machine
from ez.state import MachineRecord

LAG_SECONDS = 600.0
"""For so long a cloud's lists may not show what was just made; a given-up attempt is not forgotten before."""

_ENDING = ("failed", "deleting")


def settle(name: str, cloud: CloudContext) -> MachineRecord | None:
    """The machine of that name as it is after all, None where there is none. For who holds the lock of the name.

    Raises CloudError where the cloud does not answer or refuses; everything stays written down then.
    """
    record = cloud.state.machines.named(name)
    if record is None or record.phase == "here":
        return record
    if record.phase == "leaving":
        with step(cloud.sink, "delete", f"Finish deleting {name}"):
            cloud.provider(record).delete(name, cloud.sink)
            forget(record, cloud)
        return None
    with step(cloud.sink, "resume", f"Look what became of {name}") as report:
        machine = cloud.provider(record).machine(name)
        if machine is not None and is_ours(machine, record):
            report.detail = "it was made"
            provider = cloud.provider(record)
            return fence(keep(record, provider.start(name, cloud.sink), cloud), provider, cloud)
        report.detail = "it was not made"
        give_up(record, cloud)
    sweep(cloud)
    return None


def is_ours(machine: Machine, record: MachineRecord) -> bool:
    """Whether the machine came of this very attempt and can be used."""
    return machine.create_id == record.create_id and machine.power not in _ENDING


def give_up(record: MachineRecord, cloud: CloudContext) -> None:
    """Nothing more is done for the attempt; `sweep` removes what it made."""
    cloud.state.machines.save(replace(record, phase="dead"))


def sweep(cloud: CloudContext) -> None:
    """Remove what attempts that were given up have left. What cannot be removed now is tried again by the next command
    that changes machines, and stays visible in `ez compute gc`."""
    dead = sorted(cloud.state.machines.all("dead"), key=_place)
    for _, group in groupby(dead, key=_place):
        records = list(group)
        try:
            stuck = _remove(records, cloud)
        except EzError as error:
            names = ", ".join(sorted({f"`{record.name}`" for record in records}))
            cloud.sink(Notice(f"not yet removed what is left of {names}: {error.message} (ez compute gc)", "warning"))
            continue
        for record in records:
            if record.create_id not in stuck and cloud.clock() - record.ordered > LAG_SECONDS:
                forget(record, cloud)


def _place(record: MachineRecord) -> tuple[str, str, str, str]:
    workspace = record.workspace
    return record.provider, workspace.endpoint, workspace.account, workspace.name


def _remove(records: list[MachineRecord], cloud: CloudContext) -> set[str]:
    """The create ids of which something is still there. A machine that bears another id is not touched."""
    provider = cloud.provider(records[0])
    dead = {record.create_id for record in records}
    for name in {record.name for record in records}:
        if cloud.state.machines.named(name) is not None:
            continue
        machine = provider.machine(name)
        if machine is None or machine.create_id in dead:
            provider.delete(name, cloud.sink)
    return _remove_leftovers(provider, dead, cloud) if isinstance(provider, Cleanable) else set()


def _remove_leftovers(provider: Cleanable, dead: set[str], cloud: CloudContext) -> set[str]:
    stuck = set()
    for leftover in provider.leftovers(ids_of(cloud.state.machines.all("ordered", "here", "leaving"))):
        if leftover.create_id not in dead:
            continue
        try:
            provider.remove(leftover, cloud.sink)
        except CloudError as error:
            cloud.sink(Notice(f"{leftover.kind} `{leftover.name}` is not yet removed: {error.message}", "warning"))
            stuck.add(leftover.create_id)
    return stuck


def ids_of(records: Iterable[MachineRecord]) -> frozenset[str]:
    return frozenset(record.create_id for record in records)
