"""Work that would go with a machine: found, and saved on this computer as Git bundles."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ez.env.migrate.bases import look
from ez.env.migrate.plan import check_path
from ez.env.migrate.saved import Bundle, Group, free_stem, groups, same_work, write_group
from ez.env.migrate.side import Side
from ez.env.source.wire import Reply
from ez.errors import EzError, LinkLostError, SourceError
from ez.events import Sink
from ez.names import shown
from ez.ssh.host import Host

MOST_BYTES = 2 << 30
"""Changed and untracked files of one repo that are saved; all of them are stored on the computer first."""

_AT_ONCE = 16 << 20
_SPARE = 64 << 20
_DEPTH = 10
"""Repos in repos that are followed."""


@dataclass(frozen=True)
class Saved:
    """A bundle at `path`. `changes` are files that differ from the commit below them, `commits` those that are on no
    remote; `module` is the path of a repo inside, empty for the repo itself. `before`: it was there already. `name` is
    what `ez env saved` calls it."""

    environment: str
    path: str
    changes: int
    commits: int
    module: str = ""
    name: str = ""
    computer: str = ""
    before: bool = False


@dataclass(frozen=True)
class Origin:
    """What the index knows of an environment: the address of its repo, the directory at home; `keys` are those of
    notes that this computer shares with others, see `home_keys`."""

    url: str = ""
    path: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    side: Side
    bundle: Bundle
    size: int


def save_work(host: Host, env: str, folder: Path, sink: Sink, origin: Origin | None = None) -> tuple[Saved, ...]:
    """Bundles of what is nowhere else, one for the repo and for each repo inside that has such work. What was saved
    before, and is the same, is not saved again.

    Raises SourceError where it cannot be read, or is too much; EzError where this computer has no room for it;
    LinkLostError when the connection drops.
    """
    return save_side(Side(host, env), folder, sink, origin)


def save_side(side: Side, folder: Path, sink: Sink, origin: Origin | None = None) -> tuple[Saved, ...]:
    """The same for any side of a migration."""
    known, env, computer = origin or Origin(), side.env, side.host.name
    found = list(_find(side, known.keys, sink, _DEPTH))
    if not found:
        return ()
    bundles = tuple(each.bundle for each in found)
    group = next((one for one in groups(folder) if same_work(one, computer, env, bundles)), None)
    if group is not None:
        return _told(folder, group, before=True)
    _refuse_full(folder, sum(each.size for each in found))
    stem = free_stem(folder, f"{computer}.{env}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    files = [f"{stem}.bundle" if number == 0 else f"{stem}.{number}.bundle" for number in range(len(found))]
    for each, file in zip(found, files, strict=True):
        _fetch(each.side, each.size, folder, file)
    placed = tuple(bundle.placed(file) for bundle, file in zip(bundles, files, strict=True))
    group = Group(stem, env, computer, time.time(), known.url, known.path, placed)
    with _writable(folder):
        write_group(folder, group)
    return _told(folder, group, before=False)


def home_keys(state: Path) -> tuple[str, ...]:
    """Keys of what was equal here and elsewhere the last time, as far as the directory here is still there."""
    found = set()
    for notes in (state / "migrate").glob("*/migrate"):
        try:
            objects = (notes / "objects" / "info" / "alternates").read_text("utf-8", "surrogateescape").splitlines()[0]
        except (OSError, IndexError):
            continue
        if Path(objects).is_dir():
            found |= {record.name for record in (notes / "records").glob("*") if record.name.isalnum()}
    return tuple(sorted(found))


def _told(folder: Path, group: Group, *, before: bool) -> tuple[Saved, ...]:
    return tuple(
        Saved(
            environment=group.environment,
            path=str(folder / each.file),
            changes=each.changes,
            commits=each.commits,
            module=each.module,
            name=group.name,
            computer=group.computer,
            before=before,
        )
        for each in group.bundles
    )


def _find(side: Side, keys: tuple[str, ...], sink: Sink, depth: int) -> Iterator[_Found]:
    _refuse_heavy(side, sink)
    seen = look(side, "none", (), sink)
    if not seen.here:
        if side.sub:
            what = f"the Git directory of `{shown(side.sub)}` in `{side.env}` is elsewhere, so it cannot be looked at"
            raise SourceError(what, "commit and push what is there")
        return
    reply = side.call("save", keys, {}, sink)
    if "size" in reply.values:
        changes, commits = (_number(reply, name) for name in ("changes", "commits"))
        bundle = Bundle("", side.sub, changes, commits, reply.value("snapshot"), seen.format, seen.settings)
        yield _Found(side, bundle, _number(reply, "size"))
    for inside in (*seen.modules, *(path.rstrip("/") for path in seen.nested)):
        check_path(inside)
        if depth == 0:
            raise SourceError(f"repos inside one another too deep: `{shown(side.sub)}`", "move the inner ones out")
        yield from _find(side.below(inside, ""), keys, sink, depth - 1)


def _number(reply: Reply, key: str) -> int:
    """Raises SourceError for an answer that is none."""
    value = reply.value(key)
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise SourceError(f"an answer that is no number: {key} `{shown(value)}`", "run the same line again")
    return int(value)


def _refuse_heavy(side: Side, sink: Sink) -> None:
    reply = side.call("weigh", [str(MOST_BYTES)], {}, sink)
    if "heavy" not in reply.values:
        return
    why = "no room for a copy on its disk" if reply.value("heavy") == "disk" else f"at most {MOST_BYTES >> 30} GB"
    largest = ", ".join(f"`{shown(path)}`" for path in reply.lists.get("largest", ()))
    size = _number(reply, "bytes") / 1e9
    raise SourceError(
        f"too much to save of `{side.env}`: {size:.1f} GB of files that Git has not, {why}; the largest: {largest}",
        "have Git ignore what need not be kept, or fetch it first: ez env cp",
    )


def _refuse_full(folder: Path, size: int) -> None:
    with _writable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise EzError(
            f"no room to save {size / 1e6:.0f} MB on this computer: {free / 1e6:.0f} MB free in `{folder}`",
            "free some space; old saves: ez env saved ls",
        )


def _fetch(side: Side, size: int, folder: Path, name: str) -> None:
    """The bundle as a file that appears whole, readable by this person alone."""
    fresh = folder / f".{name}.new"
    try:
        with _writable(folder):
            fresh.touch(mode=0o600)
            with fresh.open("wb") as file:
                while file.tell() < size:
                    part = side.plain("send", [str(file.tell()), str(_AT_ONCE)], {}).stdout
                    if not part or file.tell() + len(part) > size:
                        raise LinkLostError(f"the work on {side.name} broke off", "run the same line again")
                    file.write(part)
            fresh.replace(folder / name)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EzError(f"cannot be saved in `{folder}`: {error.strerror}", f"ls -ld {folder}; df -h {folder}") from error
