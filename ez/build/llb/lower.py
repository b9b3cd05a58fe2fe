"""A graph for workers that lack something which other steps can stand in for.

Without `mergeop` and `diffop` a merge becomes steps on top of its first input, in the order of its inputs:

- a Diff with a `mount` is left out, and mounted in the step that the merge is for: see `Diff`;
- a Diff with `paths` becomes a copy of those from `upper`. A path that is not there is nothing to copy, and none leads
  through a link, but for those that distributions have, such as `/lib`; in these it has to be there. Directories on the
  way to a path that are not there yet are root's with mode 0755; a directory that is there already keeps its owner and
  mode, unlike those below it; what `upper` deleted stays. BuildKit 0.8 leaves out pipes and devices;
- a Diff without `paths` becomes the steps between `lower` and `upper`, done again, where `lower` is among what the
  merge has so far: its first input or what that grows from, or the same of an earlier Diff;
- any other state is copied whole, and so is a Diff of nothing.

What fits none of these stays, and with it the capability that the worker lacks. Without `source.git.subdir` a
subdirectory is copied from the whole tree, and the default branch is called by its name for all (BuildKit 0.8 takes
it for `master`); without `source.git.checksum` a commit is what is fetched.

Notes stay with their steps. A state that is used twice is rewritten once; steps that are done again are counted once
for every merge that does them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from ez.build.graph import (
    NO_NOTE,
    BindMount,
    CopyAction,
    Diff,
    Files,
    GitSource,
    Merge,
    MkDirAction,
    Note,
    Run,
    Scratch,
    State,
    below,
    walk,
)
from ez.build.llb.lineage import Lineage
from ez.build.llb.refusal import refusal
from ez.build.llb.sources import subdirectory_of

_MERGES = frozenset({"mergeop", "diffop"})
_SUBDIRECTORY = "source.git.subdir"
_CHECKSUM = "source.git.checksum"

_MOST_STEPS = 100_000
"""In one merge, of branches in branches: a branch that is named twice on every level doubles with each."""

_SPECIAL = re.compile(r"([*?\[\\])")
_BEHIND_LINKS = re.compile(r"/(?:s?bin|lib(?:32|64|x32)?|var/(?:run|lock))/")
"""What is a link to a directory in many distributions (file-hierarchy(7))."""


def lower(state: State, capabilities: Collection[str]) -> State:
    """`state` with what a worker of these capabilities lacks done by other steps, as far as that can be.

    Raises DefinitionError for branches in branches that would be done again without measure.
    """
    known = frozenset(capabilities)
    concerned = GitSource if known >= _MERGES else GitSource | Merge | Diff
    if not any(isinstance(current, concerned) for current in walk(state)):
        return state
    return _Lowering(state, known).run(state)


@dataclass(frozen=True)
class _Copied:
    """Files of `origin` that come on top; all of them without `paths`."""

    origin: State
    paths: tuple[str, ...]
    note: Note


@dataclass(frozen=True)
class _Again:
    """A step that is done on top."""

    step: Run | Files


class _Lowering:
    def __init__(self, state: State, capabilities: frozenset[str]) -> None:
        self._capabilities = capabilities
        self._merges = capabilities >= _MERGES
        self._lineage = Lineage(state)
        self._plans: dict[str, list[_Copied | _Again] | None] = {}
        self._done: dict[str, State] = {}

    def run(self, state: State) -> State:
        for current in walk(state, self._reads):
            self._done[current.identity] = self._rewritten(current)
        return self._done[state.identity]

    def _reads(self, state: State) -> tuple[State, ...]:
        """What has to be rewritten before `state`."""
        state = self._mounted(state)
        if isinstance(state, Merge) and (plan := self._plan(state)) is not None:
            needed = ((piece.origin,) if isinstance(piece, _Copied) else below(piece.step)[1:] for piece in plan)
            return (state.inputs[0], *(one for origins in needed for one in origins))
        return below(state)

    def _rewritten(self, state: State) -> State:
        state = self._mounted(state)
        match state:
            case Run() | Files():
                return self._onto(self._done[state.base.identity], state)
            case Merge():
                return self._merged(state)
            case Diff():
                return self._difference(state)
            case GitSource():
                return self._repository(state)
            case _:
                return state

    def _mounted(self, state: State) -> State:
        """A step that copies the last branch below it itself, with that mounted."""
        match state:
            case Run(base=Merge(inputs=(first, *others, Diff(mount=place) as last)) as merge) if (
                place and not self._merges
            ):
                base = replace(merge, inputs=(first, *others)) if others else first
                mount = BindMount(place, last.upper, readonly=False, by_content=False)
                return replace(state, base=base, mounts=(*state.mounts, mount))
            case _:
                return state

    def _merged(self, merge: Merge) -> State:
        plan = self._plan(merge)
        if plan is None:
            return replace(merge, inputs=tuple(self._done[one.identity] for one in merge.inputs))
        current = self._done[merge.inputs[0].identity]
        for piece in plan:
            current = self._copied(current, piece) if isinstance(piece, _Copied) else self._onto(current, piece.step)
        return current

    def _difference(self, diff: Diff) -> State:
        """A Diff that is more than a part of a merge."""
        if self._merges or not (diff.paths or isinstance(diff.lower, Scratch)):
            return replace(diff, lower=self._done[diff.lower.identity], upper=self._done[diff.upper.identity])
        return self._copied(Scratch(), _Copied(diff.upper, diff.paths, diff.note))

    def _onto(self, base: State, step: Run | Files) -> State:
        """`step` done on `base`, with what else it reads rewritten."""
        if isinstance(step, Files):
            actions = tuple(
                replace(action, origin=self._done[action.origin.identity]) if isinstance(action, CopyAction) else action
                for action in step.actions
            )
            return step if (base, actions) == (step.base, step.actions) else replace(step, base=base, actions=actions)
        mounts = tuple(
            replace(mount, source=self._done[mount.source.identity]) if isinstance(mount, BindMount) else mount
            for mount in step.mounts
        )
        return step if (base, mounts) == (step.base, step.mounts) else replace(step, base=base, mounts=mounts)

    def _copied(self, current: State, piece: _Copied) -> State:
        origin = self._done[piece.origin.identity]
        if isinstance(origin, Scratch):
            return current
        position = piece.note.position
        paths = tuple(dict.fromkeys(posixpath.normpath(f"/{path.lstrip('/')}") for path in piece.paths)) or ("/",)
        parents = tuple(dict.fromkeys(posixpath.dirname(path) for path in paths if posixpath.dirname(path) != "/"))
        if parents:
            origin = Files(origin, tuple(map(MkDirAction, parents)), Note(f"find {', '.join(paths)}", position))
        label = piece.note.label or f"copy {', '.join(paths)}"
        return Files(current, tuple(_copy(origin, path) for path in paths), Note(label, position))

    def _repository(self, source: GitSource) -> State:
        if source.commit and _CHECKSUM not in self._capabilities:
            source = replace(source, ref=source.commit, commit="")
        if not source.ref and _SUBDIRECTORY not in self._capabilities:
            source = replace(source, ref="HEAD")
        if not (subdirectory := subdirectory_of(source)) or _SUBDIRECTORY in self._capabilities:
            return source
        whole = replace(source, subdirectory="", keep_git_directory=False)
        return Files(Scratch(), (CopyAction(whole, subdirectory, "/"),), source.note)

    def _plan(self, merge: Merge) -> list[_Copied | _Again] | None:
        """What is done on top of the first input; None where the merge stays."""
        if self._merges or not merge.inputs:
            return None
        if merge.identity not in self._plans:
            self._plans[merge.identity] = self._planned(merge)
        return self._plans[merge.identity]

    def _planned(self, merge: Merge) -> list[_Copied | _Again] | None:
        """Branches that are merges themselves are spread out."""
        plan: list[_Copied | _Again] = []
        there = [merge.inputs[0]]
        waiting: list[tuple[State, Merge] | _Again] = [(one, merge) for one in reversed(merge.inputs[1:])]
        while waiting:
            if len(plan) > _MOST_STEPS:
                raise refusal(
                    merge.note,
                    f"the engine cannot merge, and to do these branches again takes over {_MOST_STEPS:,} steps",
                    "name the `paths` that a branch changes",
                )
            following = waiting.pop()
            if isinstance(following, _Again):
                plan.append(following)
                continue
            state, joined = following
            if not isinstance(state, Diff) or state.paths or isinstance(state.lower, Scratch):
                plan.append(_taken(state, joined.note))
                if isinstance(state, Diff) and self._among(state.lower, there):
                    there.append(state.upper)
                continue
            if not self._among(state.lower, there) or not self._lineage.grows(state.upper, state.lower):
                return None
            there.append(state.upper)
            for step in self._lineage.steps(state.upper, state.lower):
                waiting.extend(
                    [_Again(step)] if not isinstance(step, Merge) else [(one, step) for one in step.inputs[:0:-1]]
                )
        return plan

    def _among(self, state: State, there: Iterable[State]) -> bool:
        return any(self._lineage.grows(one, state) for one in there)


def _taken(state: State, joined: Note) -> _Copied:
    """What is copied of an input of a merge."""
    if not isinstance(state, Diff):
        return _Copied(state, (), Note(position=joined.position))
    return _Copied(state.upper, state.paths, state.note if state.note != NO_NOTE else Note(position=joined.position))


def _copy(origin: State, path: str) -> CopyAction:
    """A copy of the file, link or directory `path`, where it is there, to the same place.

    A pattern that matches nothing else is what may be missing. It is not found behind a symbolic link, so that what
    distributions have links for has to be there.
    """
    if path == "/":
        return CopyAction(origin, "/", "/", follow=False)
    above, name = posixpath.split(path)
    directory = above if above.endswith("/") else f"{above}/"
    copy = CopyAction(origin, path, directory, contents=False, follow=False)
    if _BEHIND_LINKS.match(path):
        return copy
    pattern = _SPECIAL.sub(r"[\\\1]", name)
    if pattern == name:
        pattern = f"[\\{name[0]}]{name[1:]}"
    return replace(copy, source=_SPECIAL.sub(r"[\\\1]", directory) + pattern, wildcard=True, allow_missing=True)
