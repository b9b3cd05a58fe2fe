"""Work side by side, brought together; and an image put onto another base."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ez.build.graph import Diff, Files, ImageConfig, Merge, Note, Run, State, parent, walk
from ez.build.python.made import Made, Touch
from ez.build.python.place import wrong
from ez.models import Runtime

Settings = TypeVar("Settings", ImageConfig, Runtime)

_BY_NAME = ("env", "labels")
_LISTS = ("path", "ports", "daemons", "init")


def side_by_side(start: Made, ends: Sequence[Made], note: Note) -> Made:
    """`start` with what each of `ends`, which grow from it, adds; later ones win. Raises DefinitionError."""
    if not all(_grows_from(end.state, start.state) for end in ends):
        raise wrong("parallel: a branch that begins elsewhere", "add to the image that the function is given")
    if sum(any(touch.packages for touch in end.touched) for end in ends) > 1:
        raise wrong(
            "parallel: two branches install packages of the distribution, which would know only one of them",
            "put apt_install and with_python into one branch, or before parallel",
        )
    made = replace(start, state=_joined(start.state, ends, note))
    for end in ends:
        made = replace(
            made,
            config=_with(made.config, start.config, end.config),
            runtime=_with(made.runtime, start.runtime, end.runtime),
            python=end.python or made.python,
            touched=(*made.touched, *end.touched),
        )
    return made


def rebased(state: State, old: State, new: State) -> State:
    """`state` on `new` where it grows from `old`; what it copies or mounts stays what it is."""
    made: dict[str, State] = {}
    for current in walk(state):
        made[current.identity] = new if current == old else _on(current, made)
    return made[state.identity]


def _on(state: State, made: dict[str, State]) -> State:
    match state:
        case Run() | Files():
            return replace(state, base=made[state.base.identity])
        case Merge():
            return replace(state, inputs=tuple(made[one.identity] for one in state.inputs))
        case Diff():
            return replace(state, lower=made[state.lower.identity], upper=made[state.upper.identity])
        case _:
            return state


def _grows_from(state: State, start: State) -> bool:
    """Is `state` `start`, or a change of it?"""
    current: State | None = state
    while current is not None and current != start:
        current = parent(current)
    return current is not None


def _joined(start: State, ends: Sequence[Made], note: Note) -> State:
    """The first branch as it is, and on it what the others add to `start`."""
    grown = [end for end in ends if end.state != start]
    if not grown:
        return start
    diffs: list[State] = []
    before = list(grown[0].touched)
    for end in grown[1:]:
        diffs.append(Diff(start, end.state, _paths(end.touched, before), note))
        before += end.touched
    return Merge((grown[0].state, *diffs), note) if diffs else grown[0].state


def _paths(touched: Sequence[Touch], before: Sequence[Touch]) -> tuple[str, ...]:
    """The places to copy where there are no diffs; none where that could bring back what an earlier branch changed."""
    if not all(touch.whole and touch.places for touch in touched):
        return ()
    places = tuple(dict.fromkeys(place for touch in touched for place in touch.places or ()))
    if any(touch.places is None or _overlap(places, touch.places) for touch in before):
        return ()
    return tuple(place for place in places if not any(_is_below(place, other) for other in places))


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    return any(left == right or _is_below(left, right) or _is_below(right, left) for left in one for right in other)


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(f"{directory}/")


def _with(settings: Settings, start: Settings, end: Settings) -> Settings:
    """`settings` with what `end` has changed of `start`."""
    changes: dict[str, Any] = {}
    for item in dataclasses.fields(start):
        now: Any = getattr(settings, item.name)
        before: Any = getattr(start, item.name)
        after: Any = getattr(end, item.name)
        if after == before:
            continue
        if item.name in _BY_NAME:
            after = tuple({**dict(now), **dict(entry for entry in after if entry not in before)}.items())
        elif item.name in _LISTS:
            after = tuple(dict.fromkeys((*after, *now) if item.name == "path" else (*now, *after)))
        changes[item.name] = after
    return replace(settings, **changes)
