"""A running build as its own gateway client sees it: questions, parts to solve, and the result to return.

`Control.Solve` waits while these calls are made; `finish` or `fail` lets it go on. This is the only way by which
an image configuration reaches the exporters of every engine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.channel import EngineChannel
from ez.build.buildkit.messages import gateway, rpc
from ez.build.llb.platform import Platform

_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
_CONFIG = "containerimage.config"
_SECONDS_TO_RESOLVE = 60.0
"""The engine itself waits for a registry without end."""
_UNKNOWN = 2


@dataclass(frozen=True)
class Worker:
    """What builds: its platform, and the LLB capabilities it has enabled; why not for those it has not."""

    platform: Platform
    capabilities: frozenset[str]
    disabled: dict[str, str]
    labels: dict[str, str]


@dataclass(frozen=True)
class Part:
    """The result for one platform: its id, empty for the empty file system, and its image configuration (JSON)."""

    platform: Platform
    result: str
    config: bytes


@dataclass(frozen=True)
class ImageFound:
    """What a registry or the engine says of an image: its configuration, the digest of that, and the image's own digest
    where it is known."""

    config: Mapping[str, Any]
    id: str
    digest: str = ""


CacheEntry = tuple[str, Mapping[str, str]]
"""BuildKit's name of a kind of cache, and its attributes."""


class Gateway:
    """The build known to the engine as `build`. Methods raise grpclib's GRPCError and StreamTerminatedError."""

    def __init__(self, channel: EngineChannel, build: str) -> None:
        self._channel = channel
        self._metadata = {"buildkit-controlapi-buildid": build}

    async def ping(self) -> Worker:
        pong = await self._call("Ping", gateway.PingRequest(), gateway.PongResponse)
        workers = list(pong.workers)
        platforms = [platform for worker in workers for platform in worker.platforms]
        return Worker(
            platform=_platform(platforms[0]) if platforms else Platform(),
            capabilities=frozenset(item.id for item in pong.llb_caps if item.enabled),
            disabled={item.id: item.disabled_reason_msg for item in pong.llb_caps if not item.enabled},
            labels=dict(workers[0].labels) if workers else {},
        )

    async def image(
        self, reference: str, platform: Platform | None = None, *, mode: str = "local", name: str = ""
    ) -> ImageFound:
        """What is known of an image: of the engine's own before the registry's, or, by `mode` `pull`, of the latter.

        `platform` None is the worker's own, `name` what the engine calls it in its progress. Raises GRPCError also for
        a registry that does not answer in a minute.
        """
        request = gateway.ResolveImageConfigRequest(
            ref=reference, resolve_mode=mode, log_name=name or f"resolve image config for {reference}"
        )
        if platform is not None:
            request.platform.os, request.platform.architecture = platform.os, platform.architecture
            request.platform.variant = platform.variant
        try:
            async with asyncio.timeout(_SECONDS_TO_RESOLVE):
                reply = await self._call("ResolveImageConfig", request, gateway.ResolveImageConfigResponse)
        except TimeoutError as error:
            raise GRPCError(Status.DEADLINE_EXCEEDED, f"no answer within {_SECONDS_TO_RESOLVE:.0f} s") from error
        try:
            config = json.loads(reply.config)
        except (ValueError, RecursionError) as error:
            raise GRPCError(Status.DATA_LOSS, "its configuration is not JSON") from error
        id = f"sha256:{hashlib.sha256(reply.config).hexdigest()}"
        return ImageFound(config if isinstance(config, dict) else {}, id, reply.digest)

    async def solve(self, definition: Any, caches: Iterable[CacheEntry] = (), *, evaluate: bool = True) -> str:
        """Run `definition` (None for the empty file system) to its end, with what is in `caches`; the result's id.

        Without `evaluate` nothing runs before something is read of the result.
        """
        if definition is None:
            return ""
        request = gateway.SolveRequest(
            definition=definition, allow_result_return=True, allow_result_array_ref=True, evaluate=evaluate
        )
        for kind, attributes in caches:
            request.cache_imports.add(type=kind, attrs=attributes)
        reply = await self._call("Solve", request, gateway.SolveResponse)
        return str(reply.result.ref.id or reply.ref)

    async def read_file(self, result: str, path: str) -> bytes | None:
        """A file of a result, None where it has none of that name."""
        request = gateway.ReadFileRequest(ref=result, file_path=path)
        try:
            reply = await self._call("ReadFile", request, gateway.ReadFileResponse)
        except GRPCError:
            return None
        return bytes(reply.data)

    async def finish(self, parts: tuple[Part, ...], *, index: bool = False) -> None:
        """Return the result: the only part, or with `index` all parts as one image of several platforms."""
        await self._call(
            "Return",
            gateway.ReturnRequest(result=_index(parts) if index else _single(parts[0])),
            gateway.ReturnResponse,
        )

    async def fail(self, message: str) -> None:
        error = rpc.Status(code=_UNKNOWN, message=message)
        await self._call("Return", gateway.ReturnRequest(error=error), gateway.ReturnResponse)

    async def _call(self, method: str, request: Any, reply: Any) -> Any:
        return await self._channel.call(_BRIDGE + method, request, reply, self._metadata)


def _single(part: Part) -> Any:
    return gateway.Result(ref=gateway.Ref(id=part.result), metadata={_CONFIG: part.config})


def _index(parts: tuple[Part, ...]) -> Any:
    """Results and configurations by platform, and the list of platforms that tells exporters to make an index."""
    result = gateway.Result()
    listed = []
    for part in parts:
        name = str(part.platform)
        result.refs.refs[name].id = part.result
        result.metadata[f"{_CONFIG}/{name}"] = part.config
        described = {"os": part.platform.os, "architecture": part.platform.architecture}
        if part.platform.variant:
            described["variant"] = part.platform.variant
        listed.append({"ID": name, "Platform": described})
    result.metadata["refs.platforms"] = json.dumps({"Platforms": listed}).encode()
    return result


def _platform(message: Any) -> Platform:
    return Platform(os=message.os, architecture=message.architecture, variant=message.variant)
