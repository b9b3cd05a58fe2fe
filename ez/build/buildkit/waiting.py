"""What a build waits for at registries: told when it takes long, and not waited for without end, as the engine does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from grpclib.exceptions import GRPCError

from ez.build.buildkit.gateway import CacheEntry, Gateway
from ez.build.buildkit.tally import LOOKING, Tally
from ez.build.llb.reference import registry_of
from ez.events import Notice

_SECONDS_UNTIL_TOLD = 5.0
_SECONDS_FOR_CACHES = 30.0

_Answer = TypeVar("_Answer")


async def told(what: str, waiting: Awaitable[_Answer], tally: Tally) -> _Answer:
    """`waiting`; where it takes long the person learns, once, that it is for `what`."""
    notice = Notice(f"still waiting for {what}")
    timer = asyncio.get_running_loop().call_later(_SECONDS_UNTIL_TOLD, tally.tell_once, notice)
    try:
        return await waiting
    finally:
        timer.cancel()


async def answering(gateway: Gateway, caches: Sequence[CacheEntry], tally: Tally) -> tuple[CacheEntry, ...]:
    """`caches` without those in registries that say nothing at all, each of which is a warning.

    They must never get into a solve: the engine waits for them where it schedules the steps of all its builds, so that
    until they answer none of these goes on (tried with Docker 20.10, 26 and 28).
    """
    places = [attributes["ref"] for kind, attributes in caches if kind == "registry"]
    asked = {registry_of(place): place for place in places}
    answers = await asyncio.gather(*(_answers(gateway, place, tally) for place in asked.values()))
    silent = {registry for registry, answer in zip(asked, answers, strict=True) if not answer}
    for place in places:
        if registry_of(place) in silent:
            tally.leave_out(place, f"no answer within {_SECONDS_FOR_CACHES:.0f} s")
    return tuple(
        (kind, attributes)
        for kind, attributes in caches
        if kind != "registry" or registry_of(attributes["ref"]) not in silent
    )


async def _answers(gateway: Gateway, place: str, tally: Tally) -> bool:
    """Whatever the answer is: what is there need not be an image."""
    try:
        async with asyncio.timeout(_SECONDS_FOR_CACHES):
            await told(f"the cache `{place}`", gateway.image(place, mode="pull", name=f"{LOOKING}{place}"), tally)
    except TimeoutError:
        return False
    except GRPCError:
        pass
    return True
