"""What travels from one side to the other, by comparing both with what they were when they were equal last. Pure.

What only the source changed travels, what both changed differently is named and left alone on both sides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ez.env.migrate.values import LINK_TO_REPO, NOTHING, Base, Changes, Entry, Meta, Seen
from ez.env.reference import check_ref
from ez.errors import SourceError, UsageError
from ez.names import shown

_REF = re.compile(r"refs/(heads|tags|remotes|notes|bisect|rewritten)/(.+)", re.S)
_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MODE = re.compile(r"[0-7]{6}")
_STATE = re.compile(
    r"(MERGE_\w+|AUTO_MERGE|SQUASH_MSG|CHERRY_PICK_HEAD|REVERT_HEAD|REBASE_HEAD|ORIG_HEAD|BISECT_\w+"
    r"|(rebase-merge|rebase-apply|sequencer)/[A-Za-z0-9_-][A-Za-z0-9_.-]*)"
)


@dataclass(frozen=True)
class After:
    """What to note as equal where not all of it is: `parts` are objects of special, staged, state and files, `-` for
    those of the source's snapshot, with `files` and `staged` entries put back to what they were."""

    meta: Meta
    parts: tuple[str, str, str, str]
    files: Mapping[str, Entry]
    staged: Mapping[str, Entry]


@dataclass(frozen=True)
class Plan:
    """`moves` are references with new and old objects, empty for none; `head` where HEAD goes, empty to stay;
    `stash` the new log of stashes, None to leave it. `unmerged` are paths whose stages become those lines. Of the
    `conflicts`, `blocked` are those for which the whole checkout stays, `refs` full names of references."""

    conflicts: tuple[str, ...] = ()
    moves: tuple[tuple[str, str, str], ...] = ()
    symbolic: tuple[tuple[str, str], ...] = ()
    head: str = ""
    files: Mapping[str, Entry] = field(default_factory=dict)
    staged: Mapping[str, Entry] = field(default_factory=dict)
    state: Mapping[str, Entry] = field(default_factory=dict)
    unmerged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    marks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    stash: tuple[str, ...] | None = None
    after: After | None = None
    blocked: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    stash_conflict: bool = False

    @property
    def is_empty(self) -> bool:
        parts = (self.moves, self.symbolic, self.head, self.files, self.staged, self.state, self.unmerged)
        return not any(parts) and self.stash is None and not any(self.marks.values())


def plan(source: Seen, target: Seen, base: Base, in_the_way: Collection[str] = ()) -> Plan:
    """What to change at `target`. Both have their changes since `base`; `in_the_way` are paths where something stands
    that Git does not know. Raises SourceError for names that no repo can have."""
    check(source)
    check(target)
    blocked = _blocked(source, target, base)
    empty = Changes()
    mine = empty if blocked else source.changes
    theirs = target.changes
    files, file_conflicts = _merge(mine.files, theirs.files)
    clashing = (set(in_the_way) | _clashes(files, target)) & set(files)
    file_conflicts |= clashing
    files = {path: entry for path, entry in files.items() if path not in clashing}
    staged, staged_conflicts = _merge(mine.staged, theirs.staged)
    unmerged = {} if blocked else _unmerged(source, target, base)
    head = "" if blocked or not _moved(source, base) or _moved_alike(source, target) else _place(source.meta)
    moves, ref_conflicts = _moves(source, target, base, follows=bool(head) or _moved_alike(source, target))
    stash, stash_conflict = _stash(source, target, base)
    conflicts = (
        *blocked,
        *(shown(name.split("/", 2)[2]) for name in ref_conflicts),
        *(["the stashes"] if stash_conflict else []),
        *sorted(shown(path) for path in file_conflicts | staged_conflicts),
    )
    return Plan(
        conflicts=tuple(dict.fromkeys(conflicts)),
        moves=moves,
        symbolic=tuple(
            (name, goal)
            for name, goal in source.meta.symbolic.items()
            if name not in target.meta.symbolic and name not in target.meta.refs
        ),
        head=head,
        files=files,
        staged=staged,
        state={} if blocked else _merge(mine.state, theirs.state)[0],
        unmerged=unmerged,
        marks={} if blocked else _marks(source, target, base),
        stash=stash,
        after=_after(source, base, blocked, ref_conflicts, stash_conflict, file_conflicts, staged_conflicts)
        if conflicts
        else None,
        blocked=blocked,
        refs=ref_conflicts,
        stash_conflict=stash_conflict,
    )


def check(seen: Seen) -> None:
    """Nothing that a side names leads out of a repo. Raises SourceError."""
    changes = seen.changes
    for path in (*changes.files, *changes.staged, *seen.special.unmerged, *seen.special.intended, *seen.modules):
        check_path(path)
    entries = (*changes.files.values(), *changes.staged.values(), *changes.state.values())
    if not all(_MODE.fullmatch(mode) and _OBJECT.fullmatch(target) for mode, target in entries):
        raise SourceError("an answer that Git does not give", "run the same line again")
    for path, (mode, _) in changes.state.items():
        if not _STATE.fullmatch(path) or mode not in (NOTHING, "100644") or ".." in path:
            raise SourceError(f"not a file of an unfinished operation: `{shown(path)}`", "git status")
    names = (seen.meta.head, *seen.meta.symbolic.values()) if seen.meta.head else tuple(seen.meta.symbolic.values())
    for name in (*seen.meta.refs, *seen.meta.symbolic, *names):
        _check_name(name)
    if seen.meta.head and not seen.meta.head.startswith("refs/heads/"):
        raise SourceError(f"not a branch: `{shown(seen.meta.head)}`", "git switch to a branch")
    objects = (
        *seen.meta.refs.values(),
        seen.meta.commit,
        *seen.pins,
        *(line.split(" ")[1] for line in seen.meta.stash),
    )
    if not all(_OBJECT.fullmatch(found) for found in objects if found):
        raise SourceError("an answer that Git does not give", "run the same line again")


def check_path(path: str) -> None:
    """Raises SourceError for a path that leads out of a work tree, or into the repo itself."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in path:
        raise SourceError(f"a path outside the repo: `{shown(path)}`", "rename it")


def _check_name(name: str) -> None:
    match = _REF.fullmatch(name)
    try:
        if match is None:
            raise UsageError(f"not a reference: `{shown(name)}`")
        check_ref(match[2])
    except UsageError as error:
        raise SourceError(error.message, "rename it with `git branch -m`") from error


def _merge(mine: Mapping[str, Entry], theirs: Mapping[str, Entry]) -> tuple[dict[str, Entry], set[str]]:
    """What travels of `mine`, and the paths that both changed differently."""
    travels = {path: entry for path, entry in mine.items() if path not in theirs}
    conflicts = {path for path, entry in mine.items() if theirs.get(path, entry) != entry}
    return travels, conflicts


def _clashes(files: Mapping[str, Entry], target: Seen) -> set[str]:
    """Paths that would be one file where the file system takes different names for the same."""
    if not (target.folds_case or target.folds_unicode):
        return set()
    folded: dict[str, list[str]] = {}
    for path, (mode, _) in files.items():
        if mode != NOTHING:
            name = unicodedata.normalize("NFC", path) if target.folds_unicode else path
            folded.setdefault(name.casefold() if target.folds_case else name, []).append(path)
    return {path for paths in folded.values() if len(paths) > 1 for path in paths}


def _place(meta: Meta) -> str:
    return meta.head or meta.commit


def _moved(seen: Seen, base: Base) -> bool:
    return (seen.meta.head, seen.meta.commit) != (base.meta.head, base.meta.commit)


def _moved_alike(source: Seen, target: Seen) -> bool:
    return (source.meta.head, source.meta.commit) == (target.meta.head, target.meta.commit)


def _blocked(source: Seen, target: Seen, base: Base) -> tuple[str, ...]:
    """Why the checkout (HEAD, index and files) has to stay as it is on both sides, in words."""
    found = []
    if _moved(source, base) and _moved(target, base) and not _moved_alike(source, target):
        found.append(shown(target.meta.head.partition("/")[2].partition("/")[2] or "HEAD"))
    mine, theirs, before = (side.special.unmerged for side in (source, target, base))
    if mine != before and theirs != before and mine != theirs:
        found.append("the unfinished merge")
    elif _merge(source.changes.state, target.changes.state)[1] or (
        _moved(source, base) and not _moved_alike(source, target) and target.changes.state
    ):
        found.append("the unfinished operation")
    return tuple(found)


def _moves(
    source: Seen, target: Seen, base: Base, *, follows: bool
) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    moves, conflicts = [], []
    stays = "" if follows else target.meta.head
    for name in sorted({*source.meta.refs, *base.meta.refs}):
        mine, before, theirs = (side.meta.refs.get(name, "") for side in (source, base, target))
        if mine in (before, theirs):
            continue
        if theirs == before and name != stays:
            moves.append((name, mine, theirs))
        elif not name.startswith("refs/remotes/"):
            conflicts.append(name)
    return tuple(moves), tuple(conflicts)


def _stash(source: Seen, target: Seen, base: Base) -> tuple[tuple[str, ...] | None, bool]:
    """The new log, and whether both sides stashed something else."""
    mine, before, theirs = (side.meta.stash for side in (source, base, target))
    if mine == theirs:
        return (mine, False) if target.stash_torn else (None, False)
    if mine == before or theirs[: len(mine)] == mine:
        return None, False
    if theirs == before or mine[: len(theirs)] == theirs:
        return mine, False
    return None, True


def _unmerged(source: Seen, target: Seen, base: Base) -> dict[str, tuple[str, ...]]:
    mine, theirs, before = (side.special.unmerged for side in (source, target, base))
    changed = {path for path in {*mine, *before} if mine.get(path) != before.get(path)}
    return {path: mine.get(path, ()) for path in changed if mine.get(path) != theirs.get(path)}


def _marks(source: Seen, target: Seen, base: Base) -> dict[str, frozenset[str]]:
    """What to mark, and to unmark, in the index there."""
    mine, theirs, before = source.special, target.special, base.special
    return {
        "intended": (mine.intended - before.intended) - theirs.intended,
        "no-intended": (before.intended - mine.intended) & theirs.intended,
        "skip": (mine.skip - before.skip) - theirs.skip,
        "no-skip": (before.skip - mine.skip) & theirs.skip,
        "assume": (mine.assume - before.assume) - theirs.assume,
        "no-assume": (before.assume - mine.assume) & theirs.assume,
    }


def _after(
    source: Seen,
    base: Base,
    blocked: Collection[str],
    refs: Collection[str],
    stash: bool,
    files: Collection[str],
    staged: Collection[str],
) -> After:
    meta = source.meta
    kept = {name: target for name, target in meta.refs.items() if name not in refs}
    kept.update({name: base.meta.refs[name] for name in refs if name in base.meta.refs})
    meta = replace(meta, refs=kept, stash=base.meta.stash if stash else meta.stash)
    if blocked:
        meta = replace(meta, head=base.meta.head, commit=base.meta.commit)
        special, index, state, work = base.parts
        return After(meta, (special, index, state, work), {}, {})
    before = source.changes.before
    return After(
        meta,
        ("snapshot", "snapshot", "snapshot", "snapshot"),
        {path: before["files", path] for path in files},
        {path: before["staged", path] for path in staged},
    )


def index_lines(found: Plan) -> Iterator[str]:
    """Records for `git update-index -z --index-info` that bring the index there."""
    for path, (mode, target) in found.staged.items():
        yield _line(path, mode, target)
    for path in found.marks.get("no-intended", ()):
        if path not in found.staged:
            yield _line(path, NOTHING, "0" * 40)
    for path, stages in found.unmerged.items():
        if path not in found.staged or stages:
            yield _line(path, NOTHING, "0" * 40)
        yield from stages


def file_lines(files: Mapping[str, Entry]) -> Iterator[str]:
    """The same for files to write."""
    for path, (mode, target) in files.items():
        if mode not in (NOTHING, LINK_TO_REPO):
            yield _line(path, mode, target)


def entry_lines(entries: Mapping[str, Entry]) -> Iterator[str]:
    for path, (mode, target) in entries.items():
        yield _line(path, mode, target)


def _line(path: str, mode: str, target: str) -> str:
    return f"0 {'0' * len(target)}\t{path}" if mode == NOTHING else f"{mode} {target}\t{path}"
