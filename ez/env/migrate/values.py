"""What a repo is at one moment, as the scripts of a migration tell it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ez.env.source.wire import Reply
from ez.errors import SourceError

Entry = tuple[str, str]
"""Mode and object of a path, as Git writes them; the mode is `000000` where there is nothing."""

NOTHING = "000000"
LINK_TO_REPO = "160000"


@dataclass(frozen=True)
class Meta:
    """What has a name. `head` is the full name of the branch, empty where HEAD is detached; `commit` is empty before
    the first one; `symbolic` maps references to those they stand for; `stash` are lines of Git's log of stashes, the
    newest last; `included` are patterns of ignored files that go along."""

    head: str = ""
    commit: str = ""
    refs: Mapping[str, str] = field(default_factory=dict)
    symbolic: Mapping[str, str] = field(default_factory=dict)
    stash: tuple[str, ...] = ()
    shallow: tuple[str, ...] = ()
    included: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Meta:
        single, refs, symbolic = {"head": "", "commit": ""}, {}, {}
        several: dict[str, list[str]] = {"stash": [], "shallow": [], "included": []}
        for line in text.split("\n"):
            key, _, value = line.partition(" ")
            if key in single:
                single[key] = value
            elif key == "ref":
                target, name, *other = value.split(" ")
                if other and other[0]:
                    symbolic[name] = other[0]
                else:
                    refs[name] = target
            elif key in several:
                several[key].append(value)
        stash, shallow, included = (tuple(found) for found in several.values())
        return cls(single["head"], single["commit"], refs, symbolic, stash, shallow, included)

    def dump(self) -> bytes:
        lines = [f"head {self.head}", f"commit {self.commit}"]
        lines += sorted(
            [f"ref {target} {name} " for name, target in self.refs.items()]
            + [f"ref {self.refs.get(target, '0' * 40)} {name} {target}" for name, target in self.symbolic.items()]
        )
        lines += [f"stash {line}" for line in self.stash]
        lines += [f"shallow {commit}" for commit in sorted(self.shallow)]
        lines += [f"included {pattern}" for pattern in sorted(self.included)]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Special:
    """What an index holds besides a tree: stages of unfinished merges (path, then lines for `--index-info`), paths that
    are only intended, and those that Git was told to skip or to take for unchanged."""

    unmerged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    intended: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    assume: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, encoded: str) -> Special:
        try:
            text = base64.b64decode(encoded, validate=True).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError) as error:
            raise SourceError("what was said of an index is damaged", "run the same line again") from error
        if not text:
            return cls()
        return cls._of(*_sections(text))

    @classmethod
    def _of(cls, stages: list[str], marks: list[str], intended: list[str]) -> Special:
        unmerged: dict[str, tuple[str, ...]] = {}
        for record in stages:
            path = record.partition("\t")[2]
            unmerged[path] = (*unmerged.get(path, ()), record)
        skip = frozenset(mark[2:] for mark in marks if mark[0] in "Ss")
        assume = frozenset(mark[2:] for mark in marks if mark[0].islower())
        return cls(unmerged, frozenset(intended), skip, assume)


def _sections(text: str) -> tuple[list[str], list[str], list[str]]:
    """Records that end with a NUL, in three sections with a NUL between them."""
    found: tuple[list[str], list[str], list[str]] = ([], [], [])
    place = 0
    for record in text.split("\0")[:-1] if text.endswith("\0") else text.split("\0"):
        if record:
            found[place].append(record)
        elif place < 2:
            place += 1
    return found


@dataclass(frozen=True)
class Changes:
    """Paths that differ from a base, with what they are now and were then."""

    files: Mapping[str, Entry] = field(default_factory=dict)
    staged: Mapping[str, Entry] = field(default_factory=dict)
    state: Mapping[str, Entry] = field(default_factory=dict)
    before: Mapping[tuple[str, str], Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """What both sides were the last time, as far as is known: `parts` are the objects of special, staged, state and
    files, `-` for an empty one. `serial` counts; `virtual` is one that was never noted."""

    serial: int = 0
    record: str = ""
    meta: Meta = field(default_factory=Meta)
    special: Special = field(default_factory=Special)
    parts: tuple[str, ...] = ("-", "-", "-", "-")
    virtual: bool = True


@dataclass(frozen=True)
class Seen:
    """One side. `changes` are those since `base`. Of an absent repo only `path` is known, and which names its file
    system takes for the same: those that differ in case, or in how letters with marks are composed."""

    here: bool
    path: str
    meta: Meta = field(default_factory=Meta)
    special: Special = field(default_factory=Special)
    snapshot: str = ""
    parts: tuple[str, ...] = ()
    format: str = "sha1"
    source: str = ""
    module: str = ""
    folds_case: bool = False
    folds_unicode: bool = False
    pending: bool = False
    carried: str = ""
    stash_torn: bool = False
    pins: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    lfs: tuple[str, ...] = ()
    lfs_large: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    base: Base = field(default_factory=Base)
    changes: Changes = field(default_factory=Changes)


def read_seen(reply: Reply) -> Seen:
    """The answer of `look.sh`."""
    values = reply.values
    folds_case, folds_unicode = "folds-case" in values, "folds-unicode" in values
    if reply.value("repo") == "absent":
        return Seen(False, reply.value("path"), folds_case=folds_case, folds_unicode=folds_unicode)
    meta = Meta.parse(reply.value("meta"))
    tip = values.get("stash-tip", "")
    seen = Seen(
        here=True,
        path=reply.value("path"),
        meta=meta,
        special=Special.parse(values.get("special", "")),
        snapshot=reply.value("snapshot"),
        parts=tuple(reply.value("parts").split(" ")),
        format=values.get("format", "sha1"),
        source=values.get("source", ""),
        module=values.get("module", ""),
        folds_case=folds_case,
        folds_unicode=folds_unicode,
        pending="pending" in values,
        carried=values.get("carried", ""),
        stash_torn=bool(meta.stash) and meta.stash[-1].split(" ")[1] != tip,
        pins=tuple(reply.all("pin")),
        modules=reply.lists.get("modules", ()),
        nested=reply.lists.get("nested", ()),
        lfs=reply.lists.get("lfs", ()),
        lfs_large=reply.lists.get("lfs-large", ()),
        settings=tuple(_setting(entry) for entry in reply.lists.get("settings", ())),
    )
    if not values.get("record"):
        return seen
    base = Base(
        int(values["serial"]),
        values["record"],
        Meta.parse(reply.value("base-meta")),
        Special.parse(values.get("base-special", "")),
        tuple(reply.value("base-parts").split(" ")),
        virtual=False,
    )
    return replace(seen, base=base, changes=read_changes(reply))


def read_changes(reply: Reply) -> Changes:
    """What `say_changes` said: lists of `:mode mode object object letter` and the path."""
    unseen = set(reply.lists.get("unseen", ()))
    found: dict[str, dict[str, Entry]] = {}
    before: dict[tuple[str, str], Entry] = {}
    for name in ("files", "staged", "state"):
        found[name] = {}
        for raw, path in reply.pairs(name):
            old_mode, mode, old, new, _ = raw.lstrip(":").split(" ")
            before[name, path] = (old_mode, old)
            if not (name == "files" and mode == NOTHING and path in unseen):
                found[name][path] = (mode, new)
    return Changes(found["files"], found["staged"], found["state"], before)


def _setting(entry: str) -> tuple[str, str]:
    key, _, value = entry.partition("\n")
    return key, value
