"""Questions to a cloud asked side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, wait
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ez.errors import CloudError, SignInError

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

AT_ONCE = 16
"""So many at once do clouds bear."""


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What the calls give, in their order. All are waited for; the first error is raised then."""
    if len(calls) == 1:
        return [calls[0]()]
    futures = _begun(calls)
    wait(futures)
    return [future.result() for future in futures]


def answers_within(seconds: float, questions: Mapping[K, Callable[[], Any]]) -> tuple[dict[K, Any], list[K]]:
    """The answers, CloudErrors among them, and the questions that had none in time.

    Raises SignInError, and what is no error of a cloud.
    """
    running = dict(zip(questions, _begun([*questions.values()]), strict=True))
    wait(running.values(), timeout=seconds)
    silent = [key for key, future in running.items() if not future.done()]
    answers: dict[K, Any] = {
        key: future.exception() or future.result() for key, future in running.items() if key not in silent
    }
    for answer in answers.values():
        if isinstance(answer, SignInError) or (
            isinstance(answer, BaseException) and not isinstance(answer, CloudError)
        ):
            raise answer
    return answers, silent


def _begun(calls: Sequence[Callable[[], T]]) -> list[Future[T]]:
    """The calls on their way. Their threads end with the process: Ctrl-C waits for none of them, and the next run goes
    on with what they began."""
    futures: list[Future[T]] = [Future() for _ in calls]
    waiting: SimpleQueue[tuple[Callable[[], T], Future[T]]] = SimpleQueue()
    for pair in zip(calls, futures, strict=True):
        waiting.put(pair)
    for _ in calls[:AT_ONCE]:
        threading.Thread(target=_work, args=(waiting,), name="cloud", daemon=True).start()
    return futures


def _work(waiting: SimpleQueue[tuple[Callable[[], T], Future[T]]]) -> None:
    while True:
        try:
            call, future = waiting.get_nowait()
        except Empty:
            return
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)
