"""How the states of a graph grow from one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ez.build.graph import Files, Merge, Run, State, parent, walk


class Lineage:
    """Which states of a graph grow from which, each question in constant time."""

    def __init__(self, state: State) -> None:
        children: defaultdict[str, list[str]] = defaultdict(list)
        for current in walk(state):
            base = parent(current)
            children["" if base is None else base.identity].append(current.identity)
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        waiting = [(identity, False) for identity in children[""]]
        while waiting:
            identity, left = waiting.pop()
            if left:
                self._last[identity] = len(self._first)
                continue
            self._first[identity] = len(self._first)
            waiting.append((identity, True))
            waiting.extend((child, False) for child in children[identity])

    def grows(self, state: State, base: State) -> bool:
        """Whether `state` is `base` or grows from it."""
        return self._first[base.identity] <= self._first[state.identity] < self._last[base.identity]

    def steps(self, state: State, base: State) -> Iterable[Run | Files | Merge]:
        """What makes `state` of `base`, the last first; `state` has to grow from it."""
        current: State | None = state
        while isinstance(current, Run | Files | Merge) and current != base:
            yield current
            current = parent(current)
