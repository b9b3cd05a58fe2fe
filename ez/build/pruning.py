"""What an engine's build cache takes, and which of its records to remove. Pure: the records are given."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ez.build.engines.records import CacheRecord

_ENGINES_OWN = ("internal", "frontend")


@dataclass(frozen=True)
class TypeUsage:
    """Records of one BuildKit type; sizes in bytes, `reclaimable` of those that no running build and no image holds."""

    type: str
    records: int
    size: int
    reclaimable: int


@dataclass(frozen=True)
class Usage:
    """A build cache as a whole. `total` leaves out what images hold anyway: removing that frees nothing."""

    types: tuple[TypeUsage, ...]
    total: int
    reclaimable: int


def usage(records: Sequence[CacheRecord]) -> Usage:
    """The largest type first."""
    found = []
    for type in {record.type for record in records}:
        own = [record for record in records if record.type == type]
        found.append(TypeUsage(type, len(own), _size(own), _size(record for record in own if _is_free(record))))
    return Usage(
        types=tuple(sorted(found, key=lambda one: (-one.size, one.type))),
        total=_size(record for record in records if not record.shared),
        reclaimable=_size(record for record in records if _is_free(record)),
    )


def choose(
    records: Sequence[CacheRecord],
    *,
    keep_bytes: int | None,
    older_than: float | None,
    everything: bool,
    now: float,
) -> tuple[CacheRecord, ...]:
    """The records to remove, in their order: the longest unused first, and none before all that grow from it.

    `keep_bytes` stops when no more than that is left; records used in the last `older_than` seconds stay, `now` being
    in Unix seconds. `everything` also takes what images share and what the engine keeps for itself.
    """
    left = _size(records if everything else (record for record in records if not record.shared))
    known = {record.id: record for record in records}
    children = Counter(parent for record in records for parent in record.parents)
    waiting = [(_last_use(record), record.id) for record in records if not children[record.id]]
    heapq.heapify(waiting)
    chosen = []
    while waiting and (keep_bytes is None or left > keep_bytes):
        used, id = heapq.heappop(waiting)
        record = known[id]
        if not _may_go(record, everything) or (older_than is not None and now - used < older_than):
            continue
        chosen.append(record)
        left -= record.size
        for parent in record.parents:
            children[parent] -= 1
            if not children[parent] and parent in known:
                heapq.heappush(waiting, (_last_use(known[parent]), parent))
    return tuple(chosen)


def _may_go(record: CacheRecord, everything: bool) -> bool:
    return not record.in_use and (everything or not (record.shared or record.type in _ENGINES_OWN))


def _is_free(record: CacheRecord) -> bool:
    return not record.in_use and not record.shared


def _last_use(record: CacheRecord) -> float:
    return record.created if record.last_used is None else record.last_used


def _size(records: Iterable[CacheRecord]) -> int:
    return sum(record.size for record in records)
