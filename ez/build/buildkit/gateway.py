"""A running build as its own gateway client sees it: questions, parts to solve, and the result to return.

`Control.Solve` waits while these calls are made; `finish` or `fail` lets it go on. This is the only way by which
an image configuration reaches the exporters of every engine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.channel import EngineChannel
from ez.build.buildkit.messages import gateway, rpc
from ez.build.llb.marshal import Platform

_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
_UNKNOWN = 2


@dataclass(frozen=True)
class Worker:
    """What builds: its platform, and the LLB capabilities it has enabled; why not for those it has not."""

    platform: Platform
    capabilities: frozenset[str]
    disabled: dict[str, str]
    labels: dict[str, str]


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

    async def image_config(self, reference: str) -> dict[str, Any]:
        """The image's configuration, the engine's own image before the registry's."""
        request = gateway.ResolveImageConfigRequest(
            ref=reference, resolve_mode="local", log_name=f"resolve image config for {reference}"
        )
        reply = await self._call("ResolveImageConfig", request, gateway.ResolveImageConfigResponse)
        try:
            config = json.loads(reply.config)
        except ValueError as error:
            raise GRPCError(Status.DATA_LOSS, "its configuration is not JSON") from error
        return config if isinstance(config, dict) else {}

    async def solve(self, definition: Any) -> str:
        """Run `definition` (None for the empty file system) to its end and return the result's id."""
        if definition is None:
            return ""
        request = gateway.SolveRequest(
            definition=definition, allow_result_return=True, allow_result_array_ref=True, evaluate=True
        )
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

    async def finish(self, result: str, config: bytes) -> None:
        returned = gateway.Result(ref=gateway.Ref(id=result), metadata={"containerimage.config": config})
        await self._call("Return", gateway.ReturnRequest(result=returned), gateway.ReturnResponse)

    async def fail(self, message: str) -> None:
        error = rpc.Status(code=_UNKNOWN, message=message)
        await self._call("Return", gateway.ReturnRequest(error=error), gateway.ReturnResponse)

    async def _call(self, method: str, request: Any, reply: Any) -> Any:
        return await self._channel.call(_BRIDGE + method, request, reply, self._metadata)


def _platform(message: Any) -> Platform:
    return Platform(os=message.os, architecture=message.architecture, variant=message.variant)
