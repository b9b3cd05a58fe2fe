"""`ez build cache`: what the build cache of a computer's engine takes, and giving some of it back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ez.build.cache import disk_usage, prune
from ez.build.engines.records import CacheRecord
from ez.build.pruning import TypeUsage, choose, usage
from ez.config import Settings
from ez.env import share
from ez.env.engine import engine_on
from ez.ssh.host import Host


@dataclass(frozen=True)
class CacheUsage:
    """Sizes in bytes; `budget` is that of the settings, None without one. `engine` is the address of the one that keeps
    it. `registry` is the team's, if there is one, and `not_shared` says which builds could not be given to it."""

    computer: str
    engine: str
    records: int
    total: int
    reclaimable: int
    types: tuple[TypeUsage, ...]
    budget: int | None
    registry: str
    not_shared: tuple[str, ...]


@dataclass(frozen=True)
class PrunePlan:
    """What would go: `freed` bytes of the cache's `total`. `engine` is the address of the one that keeps it."""

    computer: str
    engine: str
    records: tuple[CacheRecord, ...]
    freed: int
    total: int


@dataclass(frozen=True)
class Pruned:
    """What went. The engine keeps a record that a build took up meanwhile."""

    computer: str
    records: int
    freed: int


def look(host: Host, settings: Settings, budget: int | None) -> CacheUsage:
    """Raises EngineError."""
    with engine_on(host, settings) as engine:
        records = disk_usage(engine)
    found = usage(records)
    return CacheUsage(
        computer=host.name,
        engine=str(engine),
        records=len(records),
        total=found.total,
        reclaimable=found.reclaimable,
        types=found.types,
        budget=budget,
        registry=settings.text("cache.registry"),
        not_shared=share.failures(settings),
    )


def plan(
    host: Host, settings: Settings, *, keep_bytes: int | None, older_than: float | None, everything: bool
) -> PrunePlan:
    """See `ez.build.pruning.choose`. Raises EngineError."""
    with engine_on(host, settings) as engine:
        records = disk_usage(engine)
    chosen = choose(records, keep_bytes=keep_bytes, older_than=older_than, everything=everything, now=time.time())
    freed = sum(record.size for record in chosen)
    return PrunePlan(host.name, str(engine), chosen, freed, usage(records).total)


def carry_out(host: Host, settings: Settings, planned: PrunePlan, *, everything: bool) -> Pruned:
    """Remove what the plan names and nothing else. Raises EngineError."""
    if not planned.records:
        return Pruned(host.name, 0, 0)
    with engine_on(host, settings) as engine:
        removed = prune(engine, everything=everything, ids=[record.id for record in planned.records])
    return Pruned(host.name, len(removed), sum(record.size for record in removed))
