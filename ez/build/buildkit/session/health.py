"""The engine's question whether the session is alive; without an answer it drops the session."""

from __future__ import annotations

import time
from typing import Any

from grpclib.const import Cardinality, Handler

from ez.build.buildkit.messages import health

_SERVING = 1


class Health:
    """Answers each probe; `silent_for` tells for how many seconds the engine has not asked."""

    def __init__(self) -> None:
        self._asked = time.monotonic()

    @property
    def silent_for(self) -> float:
        return time.monotonic() - self._asked

    def methods(self) -> dict[str, Handler]:
        check = Handler(self._check, Cardinality.UNARY_UNARY, health.HealthCheckRequest, health.HealthCheckResponse)
        return {"/grpc.health.v1.Health/Check": check}

    async def _check(self, stream: Any) -> None:
        await stream.recv_message()
        self._asked = time.monotonic()
        await stream.send_message(health.HealthCheckResponse(status=_SERVING))
