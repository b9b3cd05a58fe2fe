"""Which step of a build is which of the build before, when lines moved, steps came and went, and words changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ez.build.explain.parts import Part

if TYPE_CHECKING:
    from ez.build.explain.record import Step

_MOST_PAIRS = 200_000
"""Pairs that are compared by likeness; in a larger group only equal labels count."""
_LIKE_ENOUGH = 0.25


def match_steps(old: Sequence[Step], new: Sequence[Step]) -> dict[int, int]:
    """The number of the old step for each new one that has one: first the same in all, then the most alike."""
    pairs: dict[int, int] = {}
    _pair_equal(old, new, pairs, _everything)
    _pair_equal(old, new, pairs, _words)
    taken = set(pairs.values())
    groups: defaultdict[tuple[str, ...], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for number, step in enumerate(old):
        if number not in taken:
            groups[_group(step)][0].append(number)
    for number, step in enumerate(new):
        if number not in pairs:
            groups[_group(step)][1].append(number)
    for olds, news in groups.values():
        _pair_alike(old, new, olds, news, pairs)
    return pairs


def _pair_equal(old: Sequence[Step], new: Sequence[Step], pairs: dict[int, int], key: Callable[[Step], object]) -> None:
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    taken = set(pairs.values())
    for number, step in enumerate(old):
        if number not in taken:
            waiting[key(step)].append(number)
    for candidates in waiting.values():
        candidates.reverse()
    for number, step in enumerate(new):
        if number not in pairs and (candidates := waiting.get(key(step), [])):
            pairs[number] = candidates.pop()


def _pair_alike(
    old: Sequence[Step], new: Sequence[Step], olds: list[int], news: list[int], pairs: dict[int, int]
) -> None:
    """The most alike first. The only one of its kind on either side needs no likeness."""
    if len(olds) == len(news) == 1:
        pairs[news[0]] = olds[0]
        return
    if len(olds) * len(news) > _MOST_PAIRS:
        return
    scored = sorted(
        ((likeness(old[here], new[there]), -abs(here - there), here, there) for here in olds for there in news),
        reverse=True,
    )
    free_old, free_new = set(olds), set(news)
    for score, _, here, there in scored:
        if score >= _LIKE_ENOUGH and here in free_old and there in free_new:
            pairs[there] = here
            free_old.discard(here)
            free_new.discard(there)


def likeness(old: Step, new: Step) -> float:
    """From 0 to 1: equal words and files for the most part, and a little for the same line of the same file."""
    same_line = 0.3 if (old.file, old.line) == (new.file, new.line) and old.line else 0.0
    return 0.7 * _overlap(_told(old), _told(new)) + same_line


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def _told(step: Step) -> set[str]:
    found = set(step.label.split())
    for name in ("arguments", "actions", "files", "reference", "url"):
        part = step.parts.get(name, ())
        found |= {part} if isinstance(part, str) else set(part)
    return found


def _group(step: Step) -> tuple[str, ...]:
    """What never becomes anything else: a step of pip is none of apt."""
    return (step.kind, step.platform, str(step.parts.get("program", "")).partition(" ")[0])


def _everything(step: Step) -> object:
    return (_words(step), _frozen(step.parts))


def _words(step: Step) -> object:
    """What a person sees of it, without where."""
    return (*_group(step), step.label, _frozen({"arguments": step.parts.get("arguments", "")}))


def _frozen(parts: Mapping[str, Part]) -> object:
    return tuple(
        (name, part if isinstance(part, str | tuple) else tuple(sorted(part.items())))
        for name, part in sorted(parts.items())
    )
