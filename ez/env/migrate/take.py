"""What both sides changed, decided for one of them. Pure: the plan then sees a change of that side alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from ez.env.migrate.bases import Compared
from ez.env.migrate.plan import plan
from ez.env.migrate.values import Base, Changes, Entry, Meta, Seen

Winner = Literal["source", "target"]


def decided(compared: Compared, winner: Winner) -> Compared:
    """The same with no conflict left. Where the target wins nothing of it moves: the source's is noted as what both
    had, so that the way back brings the target's. Files that stand in the way there stay conflicts all the same."""
    source, target, base = compared.source, compared.target, compared.base
    found = plan(source, target, base)
    if not found.conflicts:
        return compared
    loser, kept = (target, source) if winner == "source" else (source, target)
    if found.blocked:
        base = _with_checkout(base, loser)
        source, target = _whole(source, target, winner)
    else:
        source, target = _parted(source, target, winner)
    base = replace(base, meta=_names(base.meta, loser.meta, kept.meta, found.refs, stash=found.stash_conflict))
    return Compared(source, target, base)


def _with_checkout(base: Base, loser: Seen) -> Base:
    meta = replace(base.meta, head=loser.meta.head, commit=loser.meta.commit)
    return replace(base, meta=meta, special=loser.special)


def _whole(source: Seen, target: Seen, winner: Winner) -> tuple[Seen, Seen]:
    """The checkout as a whole: HEAD, what is staged and the files belong together."""
    if winner == "target":
        return replace(source, changes=replace(source.changes, files={}, staged={}, state={})), target
    before = target.changes.before

    def all_of(name: str, mine: Mapping[str, Entry], theirs: Mapping[str, Entry]) -> dict[str, Entry]:
        return {**{path: before[name, path] for path in theirs}, **mine}

    changes = source.changes
    taken = Changes(
        all_of("files", changes.files, target.changes.files),
        all_of("staged", changes.staged, target.changes.staged),
        all_of("state", changes.state, target.changes.state),
        {**before, **changes.before},
    )
    return replace(source, changes=taken), replace(target, changes=Changes())


def _parted(source: Seen, target: Seen, winner: Winner) -> tuple[Seen, Seen]:
    """Path by path, what is staged with its file."""
    mine, theirs = source.changes, target.changes
    paths = {path for path, entry in mine.files.items() if theirs.files.get(path, entry) != entry}
    paths |= {path for path, entry in mine.staged.items() if theirs.staged.get(path, entry) != entry}
    if winner == "source":
        return source, replace(target, changes=_without(theirs, paths))
    return replace(source, changes=_without(mine, paths)), target


def _without(changes: Changes, paths: set[str]) -> Changes:
    files = {path: entry for path, entry in changes.files.items() if path not in paths}
    staged = {path: entry for path, entry in changes.staged.items() if path not in paths}
    return replace(changes, files=files, staged=staged)


def _names(meta: Meta, loser: Meta, kept: Meta, names: tuple[str, ...], *, stash: bool) -> Meta:
    """As if both had had what the loser has."""
    refs = {name: found for name, found in meta.refs.items() if name not in names}
    refs |= {name: loser.refs[name] for name in names if name in loser.refs}
    return replace(meta, refs=refs, stash=loser.stash if stash else meta.stash)
