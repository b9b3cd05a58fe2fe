"""Why the steps of a build ran: what of them differs from the build before, and what that cost. Pure.

A step runs because a part of its own changed, because it is new, or because a step that it reads changed. The first
two are causes; the last is a consequence, and its time counts for the first cause in front of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ez.build.definition import Definition
from ez.build.explain.matching import match_steps
from ez.build.explain.parts import HASHED, Part, Tree
from ez.build.explain.record import CACHED, FAILED, NOT_REACHED, RAN, Build, History, Step, described
from ez.build.graph import walk

NAMED = 5
"""Files and packages told by name; the rest is a number."""

CHANGED, NEW, FIRST, REBUILD, UNFINISHED, LOST, BEFORE, SENT = (
    "changed", "new", "first", "rebuild", "unfinished", "lost", "before", "sent",
)  # fmt: skip
"""Why a step ran: a part of it changed; the build before had no such step; there is no build before; all steps were
asked to run; the build before did not finish it; nothing changed and the engine had its result no more; a step before
it changed; it sends files, which each build does."""


@dataclass(frozen=True)
class Reason:
    """Why step number `step` ran. `changes` are phrases for a person; `because` are the numbers of the steps that are
    the causes, its own for a cause; `seconds` is what it took."""

    step: int
    kind: str
    changes: tuple[str, ...]
    because: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class Cost:
    """What a cause cost: its own step and all that ran only because of it, in seconds of work."""

    step: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Explanation:
    """Of each step that ran, in the order of the build, why; and of each cause what it cost, the dearest first."""

    build: Build
    reasons: tuple[Reason, ...]
    costs: tuple[Cost, ...]
    cached: int
    seconds: float


def explain(history: History) -> Explanation | None:
    """Why the steps of the newest build ran, None without a build."""
    if not history.builds:
        return None
    *before, newest = history.builds
    return compare(before[-1] if before else None, newest)


def foresee(history: History, definition: Definition) -> Explanation | None:
    """Which steps a build of `definition` would run now and why, None without a build to compare with.

    Seconds are those of the last time. What the engine has forgotten since, and base images that have moved on, are
    not seen.
    """
    last = history.builds[-1] if history.builds else None
    if last is None:
        return None
    images = {
        str(step.parts["reference"]): str(step.parts.get("id", "")) for step in last.steps if step.kind == "image"
    }
    states = [state for state in walk(definition.state) if hasattr(state, "note")]
    platform = next((step.platform for step in last.steps if step.platform), "")
    steps = [
        replace(step, platform=platform) for step in described(states, Tree(definition.contents), images, history.salt)
    ]
    pairs = match_steps(last.steps, steps)
    stale = set(_Comparison(last, tuple(steps), pairs).stale())
    foreseen = tuple(
        replace(step, outcome=RAN, seconds=_last_time(last, pairs.get(number)))
        if number in stale
        else replace(step, outcome=CACHED)
        for number, step in enumerate(steps)
    )
    return compare(last, replace(last, digest=definition.digest, rebuilt=False, failed=False, steps=foreseen))


def compare(before: Build | None, build: Build) -> Explanation:
    """Why the steps of `build` ran, given the build before it, None for the first on that computer."""
    pairs = match_steps(before.steps if before else (), build.steps)
    reasons = _Comparison(before, build.steps, pairs, build.rebuilt).reasons()
    return Explanation(
        build=build,
        reasons=reasons,
        costs=_costs(reasons),
        cached=sum(step.outcome == CACHED for step in build.steps),
        seconds=round(sum(reason.seconds for reason in reasons), 3),
    )


class _Comparison:
    """One build against the one before. `pairs` are numbers of steps of this build and of the same ones in that."""

    def __init__(
        self, before: Build | None, steps: tuple[Step, ...], pairs: Mapping[int, int], rebuilt: bool = False
    ) -> None:
        self._before = before
        self._old = before.steps if before else ()
        self._steps = steps
        self._pairs = pairs
        self._rebuilt = rebuilt
        self._changes: dict[int, tuple[str, ...]] = {}
        self._causes: dict[int, tuple[int, ...]] = {}
        self._lost: dict[int, tuple[int, ...]] = {}
        for number in range(len(steps)):
            self._look_at(number)

    def stale(self) -> list[int]:
        """The steps that must run: changed ones and those behind them, and what the build before did not finish."""
        return [
            number
            for number, causes in self._causes.items()
            if _does_work(self._steps[number]) and (causes or self._was_left(number))
        ]

    def reasons(self) -> tuple[Reason, ...]:
        """Why each step ran, and what changed of steps that did not run themselves but made others run."""
        ran = [number for number, step in enumerate(self._steps) if self._did_work(step)]
        found = {number: self._reason(number) for number in ran}
        for cause in [cause for reason in found.values() for cause in reason.because]:
            found.setdefault(cause, self._reason(cause))
        return tuple(found[number] for number in sorted(found))

    def _did_work(self, step: Step) -> bool:
        return step.outcome in (RAN, FAILED) and (_does_work(step) or step.kind in _SOURCES[self._before is None])

    def _reason(self, number: int) -> Reason:
        step = self._steps[number]
        kind, changes, because = self._why(number, step)
        return Reason(number, kind, changes, because, step.seconds)

    def _look_at(self, number: int) -> None:
        """Its own changes, and its causes: itself if it changed in what no cause before it did, else theirs."""
        step = self._steps[number]
        old = self._old[self._pairs[number]] if number in self._pairs else None
        if step.kind in ("engine", "local"):
            changes: tuple[str, ...] = ()
        elif old is None:
            changes = ("the step is new",)
        else:
            changes = changes_of(old, step) or self._moved(old, step)
        self._changes[number] = changes
        inherited = tuple(dict.fromkeys(cause for one in step.inputs for cause in self._causes[one]))
        told = {change for cause in inherited for change in self._changes[cause]}
        follows = step.kind in ("diff", "merge") or set(changes) <= told
        self._lost[number] = self._lost_above(step)
        self._causes[number] = inherited if inherited and follows else (number,) if changes else ()

    def _moved(self, old: Step, step: Step) -> tuple[str, ...]:
        """Other steps before it, where none of these is a cause itself: one was taken out, or they changed places."""
        counterparts = [self._pairs.get(one) for one in step.inputs]
        if any(self._causes[one] for one in step.inputs) or None in counterparts or tuple(counterparts) == old.inputs:
            return ()
        kept = set(self._pairs.values())
        gone = [
            self._old[one].label for one in _above(self._old, old) if one not in kept and _does_work(self._old[one])
        ]
        if gone:
            return (f"before it `{gone[0]}` was taken out" + (f" and {len(gone) - 1} more" if gone[1:] else ""),)
        return ("the steps before it are in another order",)

    def _why(self, number: int, step: Step) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
        own = (number,)
        if step.kind == "local":
            return SENT, (), ()
        if self._before is None:
            return FIRST, (), own
        causes, changes = self._causes[number], self._changes[number]
        if number not in self._pairs and causes == own:
            return NEW, changes, own
        if changes and causes == own:
            return CHANGED, changes, own
        if causes:
            return BEFORE, (), causes
        if self._rebuilt:
            return REBUILD, (), own
        if self._lost[number]:
            return BEFORE, (), self._lost[number]
        return (UNFINISHED if self._was_left(number) else LOST), (), own

    def _was_left(self, number: int) -> bool:
        return number in self._pairs and self._old[self._pairs[number]].outcome in (FAILED, NOT_REACHED)

    def _lost_above(self, step: Step) -> tuple[int, ...]:
        """The first of the steps before it that ran for no change: what is behind such a step has to run too."""
        for one in step.inputs:
            if self._steps[one].outcome == RAN and _does_work(self._steps[one]):
                return self._lost[one] or (one,)
        return ()


def changes_of(old: Step, new: Step) -> tuple[str, ...]:
    """What differs between the parts of two builds' same step, as phrases."""
    found: list[str] = []
    for name in dict.fromkeys((*_PHRASES, *old.parts, *new.parts)):
        before, after = old.parts.get(name), new.parts.get(name)
        follows = name == "id" and old.parts.get("reference") != new.parts.get("reference")
        if before != after and not follows:
            found += _PHRASES.get(name, _plainly)(name, before, after)
    return tuple(found)


def _program(name: str, before: Part | None, after: Part | None) -> list[str]:
    return ["ez does this step in another way than before" if "ez-" in f"{before}" else "the command changed"]


def _arguments(name: str, before: Part | None, after: Part | None) -> list[str]:
    old, new = Counter(_list(before)), Counter(_list(after))
    removed, added = list((old - new).elements()), list((new - old).elements())
    if any(_is_hash(word) for word in (*removed, *added)):
        return [
            "the command changed" + (f" ({len(added)} of {len(_list(after))} lines)" if len(_list(after)) > 1 else "")
        ]
    signed = [f"+{word}" for word in added] + [f"-{word}" for word in removed]
    return [" ".join(_few(signed)) if signed else "its arguments are in another order"]


def _variables(name: str, before: Part | None, after: Part | None) -> list[str]:
    return [f"variable {one} {how}" for one, how in _differences(before, after)]


def _paths(name: str, before: Part | None, after: Part | None) -> list[str]:
    found = [f"{one} {how}" for one, how in _differences(before, after)]
    if len(found) == 1:
        return [f"file {found[0]}"]
    return [f"{len(found)} files: " + ", ".join(_few(found))]


def _written(name: str, before: Part | None, after: Part | None) -> list[str]:
    return [f"what it writes to {one} {how}" for one, how in _differences(before, after)]


def _digest(name: str, before: Part | None, after: Part | None) -> list[str]:
    what = {"id": "the base image", "commit": "the commit", "checksum": "the checksum"}[name]
    return [f"{what} is another: {_short(before)} -> {_short(after)}"]


def _list_part(name: str, before: Part | None, after: Part | None) -> list[str]:
    old, new = _list(before), _list(after)
    told = [f"+{one}" for one in new if one not in old] + [f"-{one}" for one in old if one not in new]
    return [f"{name}: " + (", ".join(_few(told)) if told else "in another order")]


def _plainly(name: str, before: Part | None, after: Part | None) -> list[str]:
    if isinstance(before, str) and before and isinstance(after, str) and after:
        return [f"{name} is `{after}` instead of `{before}`"]
    return [f"{name} is `{after}`" if after else f"{name} is no longer `{before}`"]


_SOURCES: Mapping[bool, tuple[str, ...]] = {True: ("local", "image"), False: ("local",)}
"""Sources whose time is told, in a first build and in others: an image that is there is not fetched again."""

_PHRASES = {
    "id": _digest,
    "commit": _digest,
    "checksum": _digest,
    "files": _paths,
    "arguments": _arguments,
    "program": _program,
    "written": _written,
    "env": _variables,
    "path": _list_part,
    "mounts": _list_part,
    "actions": _list_part,
}


def _differences(before: Part | None, after: Part | None) -> list[tuple[str, str]]:
    old = before if isinstance(before, Mapping) else {}
    new = after if isinstance(after, Mapping) else {}
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [
        (name, "changed" if name in old and name in new else "is new" if name in new else "is gone") for name in names
    ]


def _list(part: Part | None) -> tuple[str, ...]:
    return part if isinstance(part, tuple) else ()


def _few(words: list[str]) -> list[str]:
    return words if len(words) <= NAMED + 1 else [*words[:NAMED], f"and {len(words) - NAMED} more"]


def _is_hash(word: str) -> bool:
    return word.startswith(HASHED)


def _short(part: Part | None) -> str:
    text = part if isinstance(part, str) else ""
    algorithm, colon, digest = text.partition(":")
    return f"{algorithm}:{digest[:12]}" if colon else text[:12] or "unknown"


def _does_work(step: Step) -> bool:
    return step.kind in ("run", "files", "git", "http", "merge", "diff")


def _above(steps: tuple[Step, ...], step: Step) -> list[int]:
    """The numbers of all steps that `step` reads, at any depth."""
    found: dict[int, None] = {}
    waiting = list(step.inputs)
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = None
            waiting.extend(steps[current].inputs)
    return sorted(found)


def _last_time(last: Build, number: int | None) -> float:
    return last.steps[number].seconds if number is not None else 0.0


def _costs(reasons: tuple[Reason, ...]) -> tuple[Cost, ...]:
    """Each step's time counts for its first cause."""
    seconds: dict[int, float] = {}
    steps: Counter[int] = Counter()
    for reason in reasons:
        if reason.because:
            cause = reason.because[0]
            seconds[cause] = seconds.get(cause, 0.0) + reason.seconds
            steps[cause] += 1
    found = [Cost(cause, steps[cause], round(taken, 3)) for cause, taken in seconds.items()]
    return tuple(sorted(found, key=lambda cost: (-cost.seconds, cost.step)))
