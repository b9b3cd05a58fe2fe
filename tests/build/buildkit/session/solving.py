"""Solves with services of one's own choice, below everything that a build does beside."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ez.build.buildkit.client import Exporter, Place, Returned, Wanted, solve
from ez.build.buildkit.gateway import CacheEntry, Gateway, Part
from ez.build.buildkit.session.server import Service
from ez.build.buildkit.status import Progress
from ez.build.engines.address import Address
from ez.build.graph import State
from ez.build.llb.marshal import marshal
from ez.events import null_sink


@dataclass(frozen=True)
class Asked:
    """What becomes of the result: an exporter's name with its attributes, and caches."""

    exporter: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    caches: tuple[CacheEntry, ...] = ()
    imports: tuple[CacheEntry, ...] = ()


def solved(
    address: Address, state: State, services: tuple[Service, ...], asked: Asked | None, shared_key: str = "test"
) -> dict[str, str]:
    """The exporter's reply. Raises grpclib's errors."""

    async def body(gateway: Gateway) -> Returned:
        worker = await gateway.ping()
        made = marshal(state, platform=worker.platform, capabilities=worker.capabilities, unique=secrets.token_hex(8))
        result = await gateway.solve(made.message, asked.imports if asked else ())
        config: dict[str, Any] = {"os": worker.platform.os, "architecture": worker.platform.architecture}
        config |= {"rootfs": {"type": "layers", "diff_ids": []}, "history": [], "config": {}}
        return Returned((Part(worker.platform, result, json.dumps(config).encode()),))

    exporter = Exporter(asked.exporter, dict(asked.attributes)) if asked else None
    wanted = Wanted(exporter, asked.caches if asked else ())
    return asyncio.run(solve(Place(address), wanted, services, shared_key, Progress(null_sink), body))
