"""BuildKit's control API beside solving: workers, disk usage, pruning, history; the same calls on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit import failures
from ez.build.buildkit.channel import EngineChannel
from ez.build.buildkit.client import Place
from ez.build.buildkit.messages import control
from ez.build.engines.records import BuildRecord, CacheRecord, Worker
from ez.errors import EngineError

_CONTROL = "/moby.buildkit.v1.Control/"
_SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter"
_SECONDS_TO_ANSWER = 120.0
"""An engine with a large cache looks through all of it, and removes what is large in one go."""


async def workers(place: Place) -> tuple[Worker, ...]:
    async with _asking(place) as (channel, _):
        reply = await channel.call(_CONTROL + "ListWorkers", control.ListWorkersRequest(), control.ListWorkersResponse)
    return tuple(_worker(record) for record in reply.record)


async def version(place: Place) -> str:
    """Empty where the engine is too old to tell."""
    async with _asking(place) as (channel, _):
        try:
            reply = await channel.call(_CONTROL + "Info", control.InfoRequest(), control.InfoResponse)
        except GRPCError as error:
            if error.status is Status.UNIMPLEMENTED:
                return ""
            raise
    return str(reply.buildkit_version.version)


async def disk_usage(place: Place) -> tuple[CacheRecord, ...]:
    async with _asking(place) as (channel, _):
        reply = await channel.call(_CONTROL + "DiskUsage", control.DiskUsageRequest(), control.DiskUsageResponse)
    return tuple(_cache_record(record) for record in reply.record)


async def prune(
    place: Place, *, keep_bytes: int, keep_seconds: float, everything: bool, filters: Iterable[str]
) -> tuple[CacheRecord, ...]:
    """Remove what any of `filters` lets through; gives what was removed.

    Field 4 of the request is what all engines keep at least: up to BuildKit 0.16 (as `keepBytes`) and since then (as
    `reservedSpace`) records go, the longest unused first, until no more than that is left. Newer ones read field 5 as
    well, the most they may keep; it says the same.
    """
    request = control.PruneRequest(
        filter=list(filters),
        all=everything,
        keep_duration=int(keep_seconds * 1e9),
        reserved_space=keep_bytes,
        max_used_space=keep_bytes,
    )
    removed = []
    async with _asking(place) as (channel, patience):
        async for record in channel.replies(_CONTROL + "Prune", request, control.UsageRecord):
            removed.append(_cache_record(record))
            patience.reschedule(asyncio.get_running_loop().time() + _SECONDS_TO_ANSWER)
    return tuple(removed)


async def history(place: Place) -> tuple[BuildRecord, ...]:
    request = control.BuildHistoryRequest(early_exit=True)
    found: dict[str, BuildRecord] = {}
    async with _asking(place) as (channel, _):
        try:
            async for event in channel.replies(_CONTROL + "ListenBuildHistory", request, control.BuildHistoryEvent):
                found[event.record.ref] = _build_record(event.record)
        except GRPCError as error:
            if error.status is Status.UNIMPLEMENTED:
                raise EngineError(
                    f"this engine keeps no history of builds: `{place.address}`", "update Docker Engine to 23 or later"
                ) from error
            raise
    return tuple(sorted(found.values(), key=lambda record: record.created))


@asynccontextmanager
async def _asking(place: Place) -> AsyncIterator[tuple[EngineChannel, asyncio.Timeout]]:
    """A connection for one question, and the patience with it; what goes wrong becomes an EngineError."""
    try:
        async with (
            asyncio.timeout(_SECONDS_TO_ANSWER) as patience,
            EngineChannel(place.address, direct=place.direct) as channel,
        ):
            yield channel, patience
    except GRPCError as error:
        raise EngineError(
            f"the engine does not answer the question: `{error.message}`", "look at `journalctl -u docker`"
        ) from error
    except TimeoutError as error:
        raise EngineError(f"the engine does not answer: `{place.address}`", "run the same command again") from error
    except failures.LOST as error:
        raise failures.lost(place.address, error) from error


def _worker(record: Any) -> Worker:
    platforms = ("/".join(filter(None, (one.os, one.architecture, one.variant))) for one in record.platforms)
    labels = dict(record.labels)
    return Worker(
        id=record.id,
        platforms=tuple(dict.fromkeys(platforms)),
        snapshotter=labels.get(_SNAPSHOTTER, ""),
        version=record.buildkit_version.version,
        labels=tuple(sorted(labels.items())),
    )


def _cache_record(record: Any) -> CacheRecord:
    return CacheRecord(
        id=record.id,
        type=record.record_type,
        size=record.size,
        created=_seconds(record.created_at),
        last_used=_seconds(record.last_used_at) if record.HasField("last_used_at") else None,
        uses=record.usage_count,
        in_use=record.in_use,
        shared=record.shared,
        mutable=record.mutable,
        description=record.description,
        parents=tuple(record.parents) or ((record.parent,) if record.parent else ()),
    )


def _build_record(record: Any) -> BuildRecord:
    return BuildRecord(
        id=record.ref,
        created=_seconds(record.created_at),
        completed=_seconds(record.completed_at) if record.HasField("completed_at") else None,
        steps=record.num_total_steps,
        cached_steps=record.num_cached_steps,
        error=record.error.message,
    )


def _seconds(moment: Any) -> float:
    return float(moment.seconds) + float(moment.nanos) / 1e9
