"""The second fence: a cloud's own clock stops a machine even where its watchdog does not.

Such clocks know a time of the day, so that a fence is at most a day away. It stands shortly after the end of a
machine's time, or nearly a day after an ez command was there last. Each such command moves it, and a watchdog that sees
work takes it away when it comes near: it stops machines whose watchdog is broken, not those that compute. A machine
that is kept or wanted for longer than a day has none until its last day.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from ez.compute.context import CloudContext
from ez.errors import CloudError, EzError
from ez.events import Notice, step
from ez.providers.base import Fence, Provider
from ez.state import MachineRecord

AHEAD_SECONDS = 84_600.0
"""As far as a fence stands away at most: a day without the time that its setting may take."""

_AFTER_SECONDS = 600.0
"""The watchdog's own stop comes first."""

_MOVED_SECONDS = 14_400.0
"""A command that only connects does not move a fence that was set so long ago or less."""

_DAY = 86_400.0
NEVER = "never"


@dataclass(frozen=True)
class Term:
    """What is known of how long a machine may run: minutes without work, the end of its time, until when it is kept; 0
    for none of it. Times are Unix seconds."""

    idle_minutes: int
    expires: float = 0
    lease: float = 0


def due(term: Term, daily: str, now: float, *, by_default: bool = True) -> float:
    """When the fence of a machine is to stop it next (Unix seconds), 0 for no fence. `daily` is the workspace's
    `stop_daily`; `by_default` whether there is a fence without it."""
    if daily == NEVER or not (daily or by_default):
        return 0
    if daily:
        at = now - now % _DAY + 3600 * int(daily[:2]) + 60 * int(daily[2:])
        return at if at > now else at + _DAY
    at = now + AHEAD_SECONDS
    if term.expires > now:
        end = max(term.expires, term.lease) + _AFTER_SECONDS
        return end if end <= at else 0
    return at if at > term.lease and (term.idle_minutes or term.expires) else 0


def fence(record: MachineRecord, provider: Provider, cloud: CloudContext) -> MachineRecord:
    """Have it stand where it is due from now on. What fails is told, and the machine is as good without."""
    if not isinstance(provider, Fence):
        if record.workspace.stop_daily not in ("", NEVER):
            what = f"{provider.key} has no daily schedule: only the watchdog stops `{record.name}`"
            cloud.sink(Notice(what, "warning"))
        return record
    at = _due(record, provider, cloud)
    if not (at or record.fenced):
        return record
    try:
        with step(cloud.sink, "fence", f"Set {provider.key}'s own clock for {record.name}") as report:
            yields = not record.workspace.stop_daily and record.expires <= cloud.clock()
            provider.fence(record.name, time.strftime("%H%M", time.gmtime(at)) if at else "", yields=yields)
            report.detail = _clock(at) if at else "not for now"
    except EzError as error:
        if isinstance(error, CloudError) and error.code == "NotFound":
            return record
        still = f", and stops it at {_clock(record.fenced)}" if record.fenced > cloud.clock() else ""
        what = f"{provider.key}'s own clock for `{record.name}` is not set{still}: {error.message}"
        cloud.sink(Notice(what, "warning"))
        return _noted(record, -at, cloud)
    return _noted(record, at, cloud)


def move(record: MachineRecord, cloud: CloudContext) -> None:
    """For a command that has just connected. Nothing is asked of the cloud where the fence was set not long ago, and
    the person is not asked to sign in."""
    try:
        provider = cloud.provider(record)
    except EzError:  # Its cloud's SDK may not be here, and is not needed to connect.
        return
    if not isinstance(provider, Fence) or record.workspace.stop_daily:
        return
    if _due(record, provider, cloud) - abs(record.fenced) > _MOVED_SECONDS:
        provider.ask = None
        fence(record, provider, cloud)


def _due(record: MachineRecord, provider: Fence, cloud: CloudContext) -> float:
    term = Term(record.idle_minutes, record.expires, record.lease)
    return due(term, record.workspace.stop_daily, cloud.clock(), by_default=provider.by_default)


def _noted(record: MachineRecord, at: float, cloud: CloudContext) -> MachineRecord:
    known = cloud.state.machines.of(record.create_id)
    if known is not None:
        cloud.state.machines.save(replace(known, fenced=at))
    return replace(record, fenced=at)


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
