"""Whether a machine of a cloud may stop itself, told before it would have to."""

from __future__ import annotations

from dataclasses import replace

from ez.compute.context import CloudContext
from ez.compute.idle import Idle
from ez.compute.need import DEALLOCATE
from ez.errors import EzError
from ez.providers.base import SelfStopping
from ez.state import MachineRecord


def checked(idle: Idle, record: MachineRecord | None, cloud: CloudContext) -> Idle:
    """The same with what its cloud says of it. One that does not answer says nothing, and nobody signs in for it."""
    if record is None or idle.action != DEALLOCATE or idle.stops_in is None or idle.failed:
        return idle
    provider = cloud.provider(record)
    provider.ask = None
    if not isinstance(provider, SelfStopping):
        return idle
    try:
        return replace(idle, failed=provider.cannot_stop_itself(record.name))
    except EzError:
        return idle
