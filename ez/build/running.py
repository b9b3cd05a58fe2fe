"""Running what is asynchronous from code that is not, so that an interrupt lets it end in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_NAME = "ez: running"

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`. Raises KeyboardInterrupt where `cancel_running` has ended it."""
    try:
        return asyncio.run(_named(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _named(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.current_task()
    assert task is not None
    task.set_name(_NAME)
    return await work


def cancel_running() -> bool:
    """End what `run` runs in this thread, if anything; for handlers of signals."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    for task in asyncio.all_tasks(loop):
        if task.get_name() == _NAME:
            loop.call_soon_threadsafe(task.cancel)
            return True
    return False
