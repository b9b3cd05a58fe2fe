"""One solve on one engine: the control connection, the session, the status stream, and how they end together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpclib.exceptions import GRPCError, StreamTerminatedError

from ez.build.buildkit.channel import EngineChannel
from ez.build.buildkit.gateway import Gateway
from ez.build.buildkit.messages import control
from ez.build.buildkit.session.server import Service, Session, open_session
from ez.build.buildkit.status import Progress
from ez.errors import EzError

_CONTROL = "/moby.buildkit.v1.Control/"
_SECONDS_OF_SILENCE = 40.0
_SECONDS_TO_END = 5.0

Body = Callable[[Gateway], Awaitable[tuple[str, bytes]]]
"""What to do in a build: gives the id of the result to export and its image configuration."""


@dataclass(frozen=True)
class Place:
    """Where BuildKit is. `direct` for HTTP/2 from the first byte, in which the session runs inside the control
    connection; else through Docker's upgrade routes, with a connection for each."""

    engine: Path
    direct: bool = False


@dataclass(frozen=True)
class Exporter:
    type: str
    attributes: Mapping[str, str]


async def solve(
    place: Place,
    exporter: Exporter | None,
    services: Iterable[Service],
    shared_key: str,
    progress: Progress,
    body: Body,
) -> dict[str, str]:
    """Run `body` as the gateway client of a new build and export what it gives. Gives the exporter's reply.

    When this is cancelled or fails the engine stops the build. Raises what `body` raised, grpclib's errors for what
    went wrong in the engine or on the way to it, and EngineError where the engine cannot be reached.
    """
    async with EngineChannel(place.engine, direct=place.direct) as channel:
        connecting = asyncio.ensure_future(channel.__connect__())
        try:
            over = channel if place.direct else None
            async with open_session(place.engine, services, shared_key, over=over) as session:
                await connecting
                return await _Solve(channel, session, exporter, progress, body).run()
        finally:
            await _end([connecting])


class _Solve:
    def __init__(
        self, channel: EngineChannel, session: Session, exporter: Exporter | None, progress: Progress, body: Body
    ) -> None:
        self._id = secrets.token_hex(12)
        self._channel = channel
        self._session = session
        self._exporter = exporter
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
        if self._exporter is not None:
            attributes = dict(self._exporter.attributes)
            request.exporter_deprecated = self._exporter.type
            request.exporter_attrs_deprecated.update(attributes)
            request.exporters.add(type=self._exporter.type, attrs=attributes)
        return request

    async def _work(self, gateway: Gateway) -> None:
        try:
            result, config = await self._body(gateway)
        except (GRPCError, EzError) as error:
            self._own_error = error
            with suppress(GRPCError, StreamTerminatedError):
                await gateway.fail(str(error))
            raise
        await gateway.finish(result, config)

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
