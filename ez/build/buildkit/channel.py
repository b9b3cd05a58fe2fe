"""gRPC over a byte stream of our own: the client's side, with one method for each shape of call that BuildKit has."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from grpclib.client import Channel, Handler
from grpclib.config import Configuration
from grpclib.const import Cardinality, Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import StreamTerminatedError
from grpclib.protocol import AbstractHandler, H2Protocol
from h2.config import H2Configuration

from ez.build.buildkit import streams
from ez.build.buildkit.messages import rpc
from ez.build.engines.address import Address

logging.getLogger("grpclib").addHandler(logging.NullHandler())

WINDOWS = Configuration(http2_connection_window_size=16 * 2**20, http2_stream_window_size=16 * 2**20)


def http2(*, client: bool) -> H2Configuration:
    return H2Configuration(
        client_side=client,
        header_encoding="ascii",
        validate_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_inbound_headers=False,
        normalize_outbound_headers=False,
    )


class Protocol(H2Protocol):
    """HTTP/2 in which `lost` is set when the stream ends for any reason."""

    def __init__(self, handler: AbstractHandler, config: Configuration, *, client: bool) -> None:
        super().__init__(handler, config, http2(client=client))
        self.lost = asyncio.Event()

    def connection_lost(self, error: BaseException | None) -> None:
        super().connection_lost(error)
        self.lost.set()


class EngineChannel(Channel):
    """One HTTP/2 connection to BuildKit, through Docker's upgrade route or, `direct`, from the first byte."""

    def __init__(self, address: Address, *, direct: bool = False) -> None:
        super().__init__(host="localhost", port=1, config=WINDOWS, status_details_codec=_Details())
        self._address = address
        self._direct = direct

    async def __aenter__(self) -> EngineChannel:
        return self

    async def __connect__(self) -> H2Protocol:
        """The connection, made once: a lost one is an error, since the build on it is lost as well."""
        protocol: H2Protocol = self._protocol or await super().__connect__()
        if not self._connected:
            raise StreamTerminatedError("Connection lost")
        return protocol

    async def _create_connection(self) -> H2Protocol:
        made = Protocol(Handler(), self._config, client=True)
        if self._direct:
            await streams.connect(self._address, made)
        else:
            await streams.upgrade(self._address, "/grpc", made)
        return made

    async def call(self, method: str, request: Any, reply: Any, metadata: Mapping[str, str] | None = None) -> Any:
        """One request, one reply. Raises grpclib's GRPCError and StreamTerminatedError, and EngineError."""
        stream = self.request(method, Cardinality.UNARY_UNARY, type(request), reply, metadata=metadata)
        async with stream:
            await stream.send_message(request, end=True)
            return await stream.recv_message()

    async def replies(self, method: str, request: Any, reply: Any) -> AsyncIterator[Any]:
        """One request, a stream of replies."""
        stream = self.request(method, Cardinality.UNARY_STREAM, type(request), reply)
        async with stream:
            await stream.send_message(request, end=True)
            async for message in stream:
                yield message

    @asynccontextmanager
    async def conversation(self, method: str, kind: Any, metadata: list[tuple[str, str]]) -> AsyncIterator[Any]:
        """A stream of `kind` messages in both directions."""
        stream = self.request(method, Cardinality.STREAM_STREAM, kind, kind, metadata=metadata)
        async with stream:
            await stream.send_request()
            yield stream


class _Details(StatusDetailsCodecBase):
    """An error's details: from the last word of each type (`errdefs.Vertex`) to its decoded JSON."""

    def encode(self, status: Status, message: str | None, details: Any) -> bytes:
        return b""

    def decode(self, status: Status, message: str | None, data: bytes) -> dict[str, Any]:
        decoded = {}
        for detail in rpc.Status.FromString(data).details:
            try:
                decoded[detail.type_url.rpartition("/")[2].removesuffix("+json")] = json.loads(detail.value)
            except (ValueError, RecursionError):
                continue
        return decoded
