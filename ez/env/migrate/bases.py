"""What two sides were when they were equal last: noted, or worked out from their commits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ez.env.migrate.side import Side
from ez.env.migrate.values import Base, Changes, Meta, Seen, read_changes, read_seen
from ez.env.source.wire import Reply, nul_list
from ez.env.source.work import Work
from ez.events import Sink

_NEW = "refs/heads/main"
"""The branch of a repo that `apply.sh` has just made."""


@dataclass(frozen=True)
class Compared:
    """Both sides with what changed there since `base`. Without a `base`, their histories have no place in common that
    either of them is at, so that nothing of what is checked out can travel."""

    source: Seen
    target: Seen
    base: Base


def look(side: Side, key: str, patterns: tuple[str, ...], sink: Sink) -> Seen:
    return read_seen(side.call("look", [key], {"patterns": nul_list(patterns)}, sink))


def compare(one: Side, other: Side, source: Seen, target: Seen, sink: Sink) -> Compared:
    """Find the base of `source` (at `one`) and `target` (at `other`), and what both changed since."""
    base = max(source.base, target.base, key=lambda found: found.serial)
    if not target.here:
        made = replace(target, meta=Meta(_NEW))
        return _from(one, other, source, made, Base(meta=made.meta), ("empty", "empty", ""), sink)
    if base.serial:
        if source.base.record == target.base.record:
            return Compared(source, target, base)
        _, staged, state, work = base.parts
        found = _from(one, other, source, target, base, (work, staged, state), sink)
        if found.base is base:
            return found
    carried = target.carried if one.path else source.carried if other.path else ""
    state_then = Work.load(carried) if carried else None
    if state_then is not None:
        meta = Meta(state_then.head, state_then.commit, state_then.refs)
        virtual = Base(meta=meta)
        found = _from(one, other, source, target, virtual, (state_then.tree, state_then.index, ""), sink)
        if found.base.meta is meta:
            return found
    return _by_history(one, other, source, target, sink)


def with_all(one: Side, other: Side, compared: Compared, sink: Sink) -> Compared:
    """Where nothing is in common, all that both have as changes since nothing, for who decides between them."""
    if compared.base.meta.commit != "-":
        return compared
    return _from(one, other, compared.source, compared.target, compared.base, ("empty", "empty", ""), sink)


def _from(
    one: Side, other: Side, source: Seen, target: Seen, base: Base, trees: tuple[str, str, str], sink: Sink
) -> Compared:
    """Compared with these trees (files, staged, state); with a base of nothing where a side does not have them."""
    said = one.call("relate", trees, {}, sink)
    there = other.call("relate", trees, {}, sink) if target.here else None
    if "no-base" in said.values or (there is not None and "no-base" in there.values):
        return Compared(source, target, Base())
    parts = tuple(said.value("base-parts").split(" ")) if base.virtual else base.parts
    return Compared(
        replace(source, changes=read_changes(said)),
        replace(target, changes=read_changes(there) if there else Changes()),
        replace(base, parts=parts) if base.virtual else base,
    )


def _by_history(one: Side, other: Side, source: Seen, target: Seen, sink: Sink) -> Compared:
    """The older of the two commits that are checked out, if one of them is; and so for each branch."""
    if not source.meta.commit or not target.meta.commit:
        refs = {name: found for name, found in target.meta.refs.items() if source.meta.refs.get(name) == found}
        unborn = source.meta.head if target.meta.commit else target.meta.head
        return _from(one, other, source, target, Base(meta=Meta(unborn, "", refs)), ("empty", "empty", ""), sink)
    pairs = _pairs(source.meta, target.meta)
    here = _related(one.call("relate", ["", "", ""], {"pairs": _lines(pairs)}, sink))
    turned = [(newer, older) for older, newer in pairs]
    there = _related(other.call("relate", ["", "", ""], {"pairs": _lines(turned)}, sink))
    refs = {}
    for name, mine in source.meta.refs.items():
        theirs = target.meta.refs.get(name, "")
        if theirs and (theirs == mine or (theirs, mine) in here):
            refs[name] = theirs
        elif (mine, theirs) in there:
            refs[name] = mine
    ours, others = source.meta.commit, target.meta.commit
    if ours == others or (others, ours) in here:
        commit, head = others, target.meta.head
    elif (ours, others) in there:
        commit, head = ours, source.meta.head
    else:
        return Compared(source, target, Base(meta=Meta(head="-", commit="-", refs=refs)))
    stash = _common_stash(source.meta, target.meta)
    base = Base(meta=Meta(head, commit, refs, stash=stash))
    return _from(one, other, source, target, base, (commit, commit, ""), sink)


def _common_stash(mine: Meta, theirs: Meta) -> tuple[str, ...]:
    shorter, longer = sorted((mine.stash, theirs.stash), key=len)
    return shorter if longer[: len(shorter)] == shorter else ()


def _pairs(mine: Meta, theirs: Meta) -> list[tuple[str, str]]:
    """Commits of the target and of the source that may be one before the other."""
    pairs = [(theirs.commit, mine.commit)]
    pairs += [(theirs.refs[name], found) for name, found in mine.refs.items() if theirs.refs.get(name, found) != found]
    return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]


def _lines(pairs: list[tuple[str, str]]) -> bytes:
    return "".join(f"{older} {newer}\n" for older, newer in pairs).encode()


def _related(reply: Reply) -> set[tuple[str, str]]:
    """Pairs of which the first commit is an ancestor of the second."""
    found = (record.split(" ") for record in reply.all("related"))
    return {(older, newer) for older, newer, answer in found if answer == "yes"}
