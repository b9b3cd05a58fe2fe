"""A graph with some of its states replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ez.build.graph import BindMount, CopyAction, Diff, Files, Merge, Run, State, walk


def rewrite(state: State, change: Callable[[State], State]) -> State:
    """`state` with `change` of it and of each state below it, which come first: `change` sees what they became.

    What is not changed, above and below, is the same value as before.
    """
    made: dict[str, State] = {}
    for current in walk(state):
        made[current.identity] = change(on_others(current, made))
    return made[state.identity]


def on_others(state: State, others: Mapping[str, State]) -> State:
    """`state` with those right below it replaced by what `others` has for their identities."""

    def other(one: State) -> State:
        return others.get(one.identity, one)

    match state:
        case Run():
            mounts = tuple(
                replace(mount, source=other(mount.source)) if isinstance(mount, BindMount) else mount
                for mount in state.mounts
            )
            return replace(state, base=other(state.base), mounts=mounts)
        case Files():
            actions = tuple(
                replace(action, origin=other(action.origin)) if isinstance(action, CopyAction) else action
                for action in state.actions
            )
            return replace(state, base=other(state.base), actions=actions)
        case Merge():
            return replace(state, inputs=tuple(other(one) for one in state.inputs))
        case Diff():
            return replace(state, lower=other(state.lower), upper=other(state.upper))
        case _:
            return state
