"""Secrets, handed over when a step mounts them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit import messages
from ez.build.secrets import Secret
from ez.errors import BuildError


class Secrets:
    """`values` by id, read when asked for; an unknown id is NOT_FOUND, so that an optional mount is left out."""

    def __init__(self, values: Mapping[str, bytes | Secret]) -> None:
        self._values = values

    def methods(self) -> dict[str, Handler]:
        get = Handler(
            self._get,
            Cardinality.UNARY_UNARY,
            messages.secrets.GetSecretRequest,
            messages.secrets.GetSecretResponse,
        )
        return {"/moby.buildkit.secrets.v1.Secrets/GetSecret": get}

    async def _get(self, stream: Any) -> None:
        request = await stream.recv_message()
        value = self._values.get(request.id)
        if value is None:
            raise GRPCError(Status.NOT_FOUND, f"secret {request.id} not found")
        if isinstance(value, Secret):
            try:
                value = await asyncio.to_thread(value.read)
            except BuildError as error:
                raise GRPCError(Status.ABORTED, error.message) from error
        await stream.send_message(messages.secrets.GetSecretResponse(data=value))
