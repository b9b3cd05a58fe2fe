"""Until when a machine is wanted: its tag says it to everybody, its watchdog and its fence stop it then."""

from __future__ import annotations

from dataclasses import replace

from ez.compute.context import CloudContext
from ez.compute.fence import fence
from ez.errors import EzError
from ez.events import Notice
from ez.providers.base import Lasting
from ez.state import MachineRecord


def lasts_until(record: MachineRecord, until: float, cloud: CloudContext) -> MachineRecord:
    """Have it be wanted until then (Unix seconds). Its watchdog learns of it when it is prepared or kept next."""
    provider = cloud.provider(record)
    if isinstance(provider, Lasting):
        try:
            provider.last_until(record.name, until)
        except EzError as error:
            what = f"the tag of `{record.name}` still says until when it was wanted: {error.message}"
            cloud.sink(Notice(what, "warning"))
    moved = replace(record, expires=float(int(until)))
    cloud.state.machines.save(moved)
    return fence(moved, provider, cloud)


def kept_until(record: MachineRecord, lease: float, cloud: CloudContext) -> MachineRecord:
    """A person has it kept awake until then, 0 for no longer: its time does not end before."""
    kept = replace(record, lease=lease)
    cloud.state.machines.save(kept)
    if 0 < kept.expires < lease:
        return lasts_until(kept, lease, cloud)
    return fence(kept, cloud.provider(kept), cloud)
