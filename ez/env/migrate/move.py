"""One repo from one side to the other: look at both, compare, send what is missing, note what is equal.

Killed anywhere, the next run goes on: objects come first, then names, files one by one whole, the index, the note.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from ez.env.migrate.bases import Compared, compare, look, with_all
from ez.env.migrate.large import bring_objects
from ez.env.migrate.plan import After, Plan, check_path, entry_lines, file_lines, index_lines, plan
from ez.env.migrate.settings import settings_to_add
from ez.env.migrate.side import Side
from ez.env.migrate.take import Winner, decided
from ez.env.migrate.values import LINK_TO_REPO, NOTHING, Seen
from ez.env.source.wire import Content, nul_list
from ez.errors import LinkLostError, SourceError
from ez.events import Notice, Sink
from ez.names import shown

_AT_ONCE = 16 << 20
"""Bytes of a pack in one answer."""

_LOOSE_AT_MOST = 500
"""Objects up to which a pack is taken apart there, as git-receive-pack(1) does with its unpackLimit."""

_TRIES = 3


@dataclass(frozen=True)
class Moved:
    """What travelled: `paths` of files, full `names` of references, in a submodule behind its path; `bytes` of objects;
    `conflicts` are what both sides changed, `left` what stays behind for another reason."""

    paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    bytes: int = 0
    changed: bool = False

    def __add__(self, other: Moved) -> Moved:
        return Moved(
            self.paths + other.paths,
            self.names + other.names,
            self.conflicts + other.conflicts,
            self.left + other.left,
            self.bytes + other.bytes,
            self.changed or other.changed,
        )


@dataclass(frozen=True)
class Order:
    """How to move: `key` names the pair of sides in their notes, `included` are patterns of ignored files, `source`
    says in notes of the target what its files come from. `winner` is the side whose version counts where both changed
    the same; with `programs` an unfinished operation comes home with the programs that it would run."""

    key: str
    included: tuple[str, ...] = ()
    dry_run: bool = False
    winner: Winner | None = None
    programs: bool = False
    source: str = "migrate"
    sink: Sink = field(default=lambda event: None)


def move(source: Side, target: Side, order: Order) -> Moved:
    """Bring the work at `source` to `target`, with its submodules. The source's files and names stay as they are.

    Raises SourceError where there is no repo, or one that cannot be read; LinkLostError when a connection drops.
    """
    for _ in range(_TRIES):
        try:
            return _move(source, target, order)
        except Overtaken:
            continue
    raise SourceError(f"the files on {target.name} change while they are looked at", "run the same line again")


class Overtaken(Exception):
    """Somebody changed the target between the look and the change."""


def _move(source: Side, target: Side, order: Order) -> Moved:
    mine, theirs = _look_at_both(source, target, order)
    place = f"{source.sub}/" if source.sub else ""
    compared = compare(source, target, mine, theirs, order.sink)
    if order.winner is not None:
        compared = decided(with_all(source, target, compared, order.sink), order.winner)
    found = plan(compared.source, compared.target, compared.base)
    moved = _told(found, place, mine)
    if order.dry_run:
        return moved + _modules(source, target, mine, order)
    same = bool(theirs.snapshot) and mine.snapshot == theirs.snapshot
    serial = max(mine.base.serial, theirs.base.serial)
    if not (found.is_empty and theirs.here) or not (same or compared.base.serial) or (order.winner and not same):
        found, sent = _apply(source, target, compared, found, order)
        moved = replace(_told(found, place, mine), bytes=sent)
    elif same and not (mine.base.record == theirs.base.record == mine.snapshot):
        for side in (source, target):
            side.call("note", [order.key, str(serial + 1), order.source], _noted(mine, None), order.sink)
    moved += replace(Moved(), bytes=bring_objects(source, target, mine, theirs, order.sink))
    return moved + _modules(source, target, mine, order)


def _look_at_both(source: Side, target: Side, order: Order) -> tuple[Seen, Seen]:
    patterns = tuple(sorted(order.included))
    while True:
        with ThreadPoolExecutor(2) as pool:
            looks = [pool.submit(look, side, order.key, patterns, order.sink) for side in (source, target)]
            mine, theirs = (found.result() for found in looks)
        if not mine.here:
            raise SourceError(f"no repo on {source.name}: `{shown(mine.path)}`", "ez env ls")
        if mine.pending or theirs.pending:
            name = source.env if mine.pending else target.env
            raise SourceError(f"`ez env go` was interrupted in `{name}`", "run that line again first")
        # What went along once goes along from then on: it would look deleted.
        before = {*mine.base.meta.included, *theirs.base.meta.included}
        if before <= set(patterns):
            return mine, theirs
        patterns = tuple(sorted({*patterns, *before}))


def _told(found: Plan, place: str, mine: Seen) -> Moved:
    return Moved(
        tuple(sorted(place + path for path in {*found.files, *found.staged, *found.unmerged})),
        tuple(place + name for name, _, _ in found.moves),
        tuple(place + name for name in found.conflicts),
        tuple(f"the repo inside this one: {place}{path}" for path in mine.nested),
        changed=not found.is_empty,
    )


def _apply(source: Side, target: Side, compared: Compared, found: Plan, order: Order) -> tuple[Plan, int]:
    """Send and make it so; what stands in the way there becomes a conflict."""
    mine, theirs = compared.source, compared.target
    serial = max(mine.base.serial, theirs.base.serial) + 2
    origin = mine.source if mine.source not in ("", "carry") else order.source
    in_the_way: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="ez-pack-") as folder:
        pack, count = _pack(source, compared, Path(folder) / "pack", order.sink)
        size = pack.stat().st_size if count else 0
        how = "none" if count == 0 else "unpack" if count <= _LOOSE_AT_MOST else "index"
        while True:
            contents = _contents(mine, compared, found, into_person=bool(target.path))
            if order.programs or source.path:
                contents["agreed"] = b""
            if count:
                contents["pack"] = pack
            try:
                reply = target.call("apply", [order.key, str(serial), mine.format, origin, how], contents, order.sink)
            except SourceError as error:
                if "at the same time" in error.message:
                    raise Overtaken from error
                raise
            way = set(reply.lists.get("way", ()))
            if not way:
                break
            if not way - in_the_way:
                raise SourceError(f"files on {target.name} are in the way: {_some(way)}", "move them away")
            in_the_way |= way
            blocked = {path for path in found.files if any(_touches(path, other) for other in way)}
            found = plan(mine, theirs, compared.base, blocked)
            count, how = 0, "none"
    source.call("note", [order.key, str(serial), order.source], _noted(mine, found.after), order.sink)
    return found, size


def _touches(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


def _some(paths: set[str]) -> str:
    return ", ".join(f"`{shown(path)}`" for path in sorted(paths)[:5])


def _contents(mine: Seen, compared: Compared, found: Plan, *, into_person: bool) -> dict[str, Content]:
    """The parcel of `apply.sh`."""
    none = "0" * (64 if mine.format == "sha256" else 40)
    written = {path: entry for path, entry in found.files.items() if entry[0] not in (NOTHING, LINK_TO_REPO)}
    marks = {name: nul_list(sorted(paths)) for name, paths in found.marks.items() if name != "no-intended"}
    contents: dict[str, Content] = {
        **marks,
        **{name: b"" for name in ("intended", "skip", "assume", "no-skip", "no-assume") if name not in marks},
        "wants": _text(f"{target}\n" for target in wants(compared)),
        "shallow": _text(f"{commit}\n" for commit in mine.meta.shallow),
        "refs": _text(f"{name} {new or none} {old or none}\n" for name, new, old in found.moves),
        "symbolic": _text(f"{name} {goal}\n" for name, goal in found.symbolic),
        "head": _text([found.head]),
        "write": nul_list(file_lines(found.files)),
        "write.names": nul_list(written),
        "remove": nul_list(path for path, (mode, _) in found.files.items() if mode == NOTHING),
        "folders": nul_list(f"./{path}" for path, (mode, _) in found.files.items() if mode == LINK_TO_REPO),
        "entries": nul_list(index_lines(found)),
        "state.write": _text(f"{blob} {path}\n" for path, (mode, blob) in found.state.items() if mode != NOTHING),
        "state.remove": _text(f"{path}\n" for path, (mode, _) in found.state.items() if mode == NOTHING),
        "settings": nul_list(
            part
            for pair in settings_to_add(mine.settings, compared.target.settings, into_person=into_person)
            for part in pair
        ),
        **_noted(mine, found.after),
    }
    if found.stash is not None:
        contents["stash"] = _text(f"{line}\n" for line in found.stash)
    if compared.base.virtual:
        contents["base.meta"] = compared.base.meta.dump()
        contents["base.parts"] = _text([" ".join(compared.base.parts), "\n"])
    return contents


def _noted(mine: Seen, after: After | None) -> dict[str, Content]:
    """What to note as equal from now on."""
    contents: dict[str, Content] = {"snapshot": mine.snapshot.encode()}
    if after is not None:
        contents["after.meta"] = after.meta.dump()
        names = ("special", "staged", "state", "work")
        contents["after.parts"] = _text(f"{name} {part}\n" for name, part in zip(names, after.parts, strict=True))
        contents["after.work"] = nul_list(entry_lines(after.files))
        contents["after.staged"] = nul_list(entry_lines(after.staged))
    return contents


def _text(parts: Iterator[str] | list[str] | tuple[str, ...]) -> bytes:
    return "".join(parts).encode("utf-8", "surrogateescape")


def wants(compared: Compared) -> list[str]:
    """Objects that the target needs whole."""
    mine = compared.source
    meta = mine.meta
    stashed = [line.split(" ")[1] for line in meta.stash]
    found = {mine.snapshot, meta.commit, *meta.refs.values(), *stashed, *mine.pins}
    if compared.base.record != compared.target.base.record:
        found |= {part for part in compared.base.parts if part != "-"}
    return sorted(found - {""})


def _pack(source: Side, compared: Compared, path: Path, sink: Sink) -> tuple[Path, int]:
    """A file with the objects that the target lacks, and how many they are."""
    theirs, haves = compared.target, set[str]()
    if set(theirs.meta.shallow) == set(compared.source.meta.shallow):
        stashed = [line.split(" ")[1] for line in theirs.meta.stash]
        haves = {theirs.snapshot, theirs.meta.commit, *theirs.meta.refs.values(), *stashed, theirs.base.record} - {""}
    asked: Mapping[str, Content] = {
        "wants": _text(f"{target}\n" for target in wants(compared)),
        "haves": _text(f"{target}\n" for target in sorted(haves)),
    }
    arguments = [str(_AT_ONCE), compared.source.snapshot, theirs.base.record if haves else ""]
    result = source.plain("pack", arguments, asked)
    head, _, data = result.stdout.partition(b"\n")
    if result.exit_code != 0 or not re.fullmatch(rb"[0-9]+ [0-9]+", head):
        raise SourceError(
            f"the objects on {source.name} cannot be read: {' '.join(result.last_lines(2))[:200]}", "git fsck"
        )
    count, size = (int(part) for part in head.split())
    with path.open("wb") as file:
        file.write(data)
        while file.tell() < size:
            part = source.plain("send", [str(file.tell()), str(_AT_ONCE)], {}).stdout
            if not part:
                raise LinkLostError(f"the objects on {source.name} broke off", "run the same line again")
            file.write(part)
    return path, count


def _modules(source: Side, target: Side, mine: Seen, order: Order) -> Moved:
    """The submodules that have files at the source."""
    moved = Moved()
    for path in mine.modules:
        check_path(path)
        module = f"{source.module}/modules/{path}".lstrip("/")
        below = source.below(path, "")
        found = look(below, order.key, (), order.sink)
        if not found.here:
            order.sink(Notice(f"a submodule whose repo is elsewhere stays behind: `{shown(below.sub)}`", "warning"))
            continue
        if found.module:
            check_path(found.module)
        chosen = found.module or module
        moved += _move(source.below(path, chosen), target.below(path, chosen), order)
    return moved
