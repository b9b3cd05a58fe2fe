"""An engine's build cache: what is in it, and removing what is not wanted any more."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ez.build.engine import ask_buildkit
from ez.build.engines.address import Address
from ez.build.engines.records import CacheRecord as CacheRecord


def disk_usage(address: Address) -> tuple[CacheRecord, ...]:
    """Everything the build cache holds. Records that are `shared` also count in images. Raises EngineError."""
    from ez.build.buildkit import control

    return ask_buildkit(address, control.disk_usage)


def prune(
    address: Address,
    *,
    keep_bytes: int | None = None,
    older_than: float | None = None,
    everything: bool = False,
    types: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> tuple[CacheRecord, ...]:
    """Remove records that no build uses, and give them.

    The longest unused go first, until at most `keep_bytes` are left; those used in the last `older_than` seconds
    stay. `types` and `ids` restrict the choice to records of those. `everything` also takes what images
    share and what the engine keeps for itself. Raises EngineError.
    """
    from ez.build.buildkit import control

    asked = {name: values for name, values in (("type", types), ("id", ids)) if values is not None}
    if not all(asked.values()):
        return ()
    choices = [[f"{name}=={_quoted(value)}" for value in values] for name, values in asked.items()]
    filters = [",".join(terms) for terms in product(*choices) if terms]
    return ask_buildkit(
        address,
        lambda place: control.prune(
            place,
            keep_bytes=keep_bytes or 0,
            keep_seconds=older_than or 0.0,
            everything=everything,
            filters=filters,
        ),
    )


def _quoted(value: str) -> str:
    """For containerd's filter language, in which a bare word ends at the first odd character."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
