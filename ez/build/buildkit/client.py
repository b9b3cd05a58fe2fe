"""One solve on one engine: the control connection, the session, the status stream, and how they end together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from grpclib.exceptions import GRPCError, StreamTerminatedError

from ez.build.buildkit.channel import EngineChannel
from ez.build.buildkit.gateway import CacheEntry, Gateway, Part
from ez.build.buildkit.messages import control
from ez.build.buildkit.session.server import Service, Session, open_session
from ez.build.buildkit.status import Progress
from ez.build.engines.address import Address
from ez.errors import EzError

_CONTROL = "/moby.buildkit.v1.Control/"
_SECONDS_OF_SILENCE = 40.0
_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Place:
    """Where BuildKit is. `direct` for HTTP/2 from the first byte, in which the session runs inside the control
    connection; else through Docker's upgrade routes, with a connection for each."""

    address: Address
    direct: bool = False


@dataclass(frozen=True)
class Exporter:
    type: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Wanted:
    """What is to become of the result: what `exporter` makes of it, None for nothing, and caches to write.

    The engine warns where the result is not for `platforms` (`linux/arm64`; none for its own). An `unrecorded` build is
    not in its history, which keeps definitions on the engine's disk as they are.
    """

    exporter: Exporter | None = None
    caches: tuple[CacheEntry, ...] = ()
    platforms: tuple[str, ...] = ()
    unrecorded: bool = False


@dataclass(frozen=True)
class Returned:
    """The result for each platform; with `index` as one image of several platforms, else there is one part."""

    parts: tuple[Part, ...]
    index: bool = False


Body = Callable[[Gateway], Awaitable[Returned]]
"""What to do in a build."""


async def solve(
    place: Place,
    wanted: Wanted,
    services: Iterable[Service],
    shared_key: str,
    progress: Progress,
    body: Body,
) -> dict[str, str]:
    """Run `body` as the gateway client of a new build and export what it gives. Gives the exporter's reply.

    When this is cancelled or fails the engine stops the build. Raises what `body` raised, grpclib's errors for what
    went wrong in the engine or on the way to it, and EngineError where the engine cannot be reached.
    """
    async with EngineChannel(place.address, direct=place.direct) as channel:
        connecting = asyncio.ensure_future(channel.__connect__())
        try:
            over = channel if place.direct else None
            async with open_session(place.address, services, shared_key, over=over) as session:
                await connecting
                return await _Solve(channel, session, wanted, progress, body).run()
        finally:
            await _end([connecting])


class _Solve:
    def __init__(
        self, channel: EngineChannel, session: Session, wanted: Wanted, progress: Progress, body: Body
    ) -> None:
        self._id = secrets.token_hex(12)
        self._channel = channel
        self._session = session
        self._wanted = wanted
        self._progress = progress
        self._body = body
        self._own_error: Exception | None = None

    async def run(self) -> dict[str, str]:
        solving = asyncio.ensure_future(self._channel.call(_CONTROL + "Solve", self._request(), control.SolveResponse))
        working = asyncio.ensure_future(self._work(Gateway(self._channel, self._id)))
        guarding = asyncio.ensure_future(self._guard())
        following = asyncio.ensure_future(self._follow())
        try:
            await _first_failure_or_all({solving, working}, guarding)
            return dict(solving.result().exporter_response)
        except BaseException as error:
            if self._own_error is not None and not isinstance(error, asyncio.CancelledError):
                raise self._own_error from error
            raise
        finally:
            if not (current := asyncio.current_task()) or not current.cancelling():
                await asyncio.wait({following}, timeout=_SECONDS_TO_END)
            await _end([following, working, guarding, solving])
            self._progress.finish()

    def _request(self) -> Any:
        """The exporter in the fields of old servers and of new ones; `cache` is there because some crash without."""
        request = control.SolveRequest(ref=self._id, session=self._session.id, cache=control.CacheOptions())
        request.internal = self._wanted.unrecorded
        if self._wanted.platforms:
            request.frontend_attrs["platform"] = ",".join(self._wanted.platforms)
        if (exporter := self._wanted.exporter) is not None:
            request.exporter_deprecated = exporter.type
            request.exporter_attrs_deprecated.update(exporter.attributes)
            request.exporters.add(type=exporter.type, attrs=exporter.attributes)
        for kind, attributes in self._wanted.caches:
            request.cache.exports.add(type=kind, attrs=attributes)
        return request

    async def _work(self, gateway: Gateway) -> None:
        try:
            returned = await self._body(gateway)
        except (GRPCError, EzError) as error:
            self._own_error = error
            with suppress(GRPCError, StreamTerminatedError):
                await gateway.fail(str(error))
            raise
        await gateway.finish(returned.parts, index=returned.index)

    async def _guard(self) -> None:
        """Ends when the engine has dropped the session, or has not looked at it for so long that it must hang."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._session.lost.wait(), 2.0)
                raise StreamTerminatedError("the session was closed")
            if self._session.health.silent_for > _SECONDS_OF_SILENCE:
                await asyncio.sleep(1.0)
                if self._session.health.silent_for > _SECONDS_OF_SILENCE:
                    raise StreamTerminatedError("no sign of life")

    async def _follow(self) -> None:
        request = control.StatusRequest(ref=self._id)
        with suppress(GRPCError, StreamTerminatedError):
            async for response in self._channel.replies(_CONTROL + "Status", request, control.StatusResponse):
                self._progress.take(response)


async def _first_failure_or_all(tasks: set[asyncio.Future[Any]], guard: asyncio.Future[None]) -> None:
    """Wait for `tasks`; raise the error of the first that fails, or of `guard`, which only ends by failing."""
    pending = {*tasks, guard}
    while pending & tasks:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in sorted(done, key=lambda task: task is guard):
            task.result()


async def _end(tasks: list[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
