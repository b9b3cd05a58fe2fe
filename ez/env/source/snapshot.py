"""The files of a work tree that a build definition reads, mirrored into a private directory of this computer.

Only what differs comes over. The other side is not trusted: nothing it names is written outside the directory.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import re
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ez.env.source.wire import Reply, call, nul_list, run
from ez.errors import SourceError
from ez.events import Sink
from ez.names import shown
from ez.ssh.host import Host

LARGEST = 512 << 20
"""Bytes of all files together."""

ALWAYS = ("build.envd", "ez.toml")

_LINKS_AT_MOST = 16
_ENTRY = re.compile(r"([fdl]) ([0-7]+) ([0-9]+) (\./.*|\.)", re.S)
_HASH = re.compile(r"([0-9a-f]{64}) [ *]\./(.*)", re.S)


@dataclass(frozen=True)
class Entry:
    """A file (`f`), directory (`d`) or link (`l`) of the work tree; `digest` is a file's SHA-256."""

    kind: str
    mode: int
    size: int
    target: str = ""
    digest: str = ""


Listing = Mapping[str, Entry]


def request(wanted: Iterable[str]) -> dict[str, bytes]:
    """Files of a parcel that ask for a listing. Raises SourceError for a path that leads out of the work tree."""
    paths = dict.fromkeys([*ALWAYS, *(_inside(path) for path in wanted)])
    return {"wanted": nul_list(paths), "limit": b"%d\n" % LARGEST}


def mirror(
    host: Host, env: str, reply: Reply, wanted: Sequence[str], cache: Path, sink: Sink
) -> tuple[Path, tuple[str, ...]]:
    """Make `cache/files` hold what `reply` lists; that directory, and the paths that it now holds as a whole."""
    asked = list(dict.fromkeys([*ALWAYS, *(_inside(path) for path in wanted)]))
    listing = parse_listing(reply)
    for _ in range(_LINKS_AT_MOST):
        behind = [path for path in _behind_links(asked, listing) if path not in asked]
        if not behind:
            break
        asked += behind
        listing = parse_listing(call(host, "fetch", [env], request(asked), sink))
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    cache.chmod(0o700)
    directory = cache / "files"
    _bring(host, env, listing, directory, cache / "files.json")
    tops = [path for path in listing if "/" not in path and path.endswith(".envd")]
    return directory, tuple(dict.fromkeys([*asked, *tops]))


def parse_listing(reply: Reply) -> dict[str, Entry]:
    """The answer of `list_files`, checked: every path stays inside, and nothing lies behind a link."""
    digests = {}
    for record in reply.lists.get("hashes", ()):
        if match := _HASH.fullmatch(record):
            digests[match[2]] = match[1]
    listing: dict[str, Entry] = {}
    records = list(reply.records)
    for (key, value), (_, target) in zip(records, [*records[1:], ("", "")], strict=True):
        match = _ENTRY.fullmatch(value) if key == "entry" else None
        if match is None:
            continue
        path = _inside(match[4])
        kind, digest = match[1], digests.get(path, "")
        if path != "." and (kind != "f" or digest):
            listing[path] = Entry(kind, int(match[2], 8), int(match[3]), target if kind == "l" else "", digest)
    if sum(entry.size for entry in listing.values() if entry.kind == "f") > LARGEST:
        raise SourceError(f"the files of the definition are larger than {LARGEST >> 20} MiB", "copy less with io.copy")
    _check_tree(listing)
    return listing


def _inside(path: str) -> str:
    plain = posixpath.normpath(path) if path else "."
    if plain.startswith(("/", "../")) or plain == ".." or "\0" in plain or ".." in path.split("/"):
        raise SourceError(f"a path outside the repo: `{shown(path)}`", "name files inside the repo")
    return plain


def _check_tree(listing: Listing) -> None:
    """Also where the file system takes upper and lower case for the same."""
    solid = {path.casefold() for path, entry in listing.items() if entry.kind != "d"}
    for path in listing:
        for above in PurePosixPath(path).parents:
            if str(above).casefold() in solid:
                raise SourceError(f"a file behind a link or a file: `{shown(path)}`", "name files inside the repo")


def _behind_links(asked: Iterable[str], listing: Listing) -> Iterator[str]:
    """Where links on the way to asked paths lead, as far as that is inside the work tree."""
    for path in asked:
        for above in (path, *map(str, PurePosixPath(path).parents)):
            entry = listing.get(above)
            if entry is not None and entry.kind == "l" and not entry.target.startswith("/"):
                rest = posixpath.relpath(path, above)
                leads = posixpath.normpath(posixpath.join(posixpath.dirname(above), entry.target, rest))
                if leads != ".." and not leads.startswith("../"):
                    yield leads


def _bring(host: Host, env: str, listing: Listing, directory: Path, notes: Path) -> None:
    directory.mkdir(exist_ok=True, mode=0o700)
    _remove_others(directory, listing)
    for path, entry in sorted(listing.items()):
        if entry.kind == "d":
            (directory / path).mkdir(parents=True, exist_ok=True)
            (directory / path).chmod(entry.mode & 0o777 | 0o700)
    known = _read_notes(notes)
    files = {path: entry for path, entry in listing.items() if entry.kind == "f"}
    missing = [path for path, entry in files.items() if not _is_there(directory / path, entry, known.get(path))]
    if missing:
        _receive(host, env, {path: files[path] for path in missing}, directory)
    for path, entry in files.items():
        if stat.S_IMODE((directory / path).lstat().st_mode) != _mode(entry):
            (directory / path).chmod(_mode(entry))
    for path, entry in listing.items():
        if entry.kind == "l":
            _link(directory / path, entry.target)
    _write_notes(notes, directory, files)


def _remove_others(directory: Path, listing: Listing) -> None:
    """Everything that is not listed, or listed as another kind, goes: no link is left on the way to any file."""
    needed = {str(above) for path in listing for above in PurePosixPath(path).parents}

    def clean(folder: Path, prefix: str) -> None:
        for item in os.scandir(folder):
            path = f"{prefix}{item.name}"
            entry = listing.get(path)
            is_directory = item.is_dir(follow_symlinks=False)
            kind = "l" if item.is_symlink() else "d" if is_directory else "f"
            if entry.kind == kind if entry else is_directory and path in needed:
                if is_directory:
                    clean(Path(item.path), f"{path}/")
            elif is_directory:
                shutil.rmtree(item.path)
            else:
                os.unlink(item.path)

    clean(directory, "")


def _is_there(path: Path, entry: Entry, note: list[object] | None) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return note == [entry.digest, status.st_size, status.st_mtime_ns] and status.st_size == entry.size


def _receive(host: Host, env: str, files: Mapping[str, Entry], directory: Path) -> None:
    result = run(host, "fetch", [env], {"send": nul_list(f"./{path}" for path in files)})
    left = dict(files)
    try:
        with tarfile.open(fileobj=io.BytesIO(result.stdout), mode="r:gz") as archive:
            for member in archive:
                path = posixpath.normpath(member.name)
                content = archive.extractfile(member) if member.isreg() and path in left else None
                if content is not None:
                    _store(directory / path, content.read(left[path].size + 1), left.pop(path), path)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise SourceError(
            f"files of the repo could not be read from `{host.name}`", "run the same line again"
        ) from error
    if left:
        raise SourceError(f"a file went away while it was read: `{shown(next(iter(left)))}`", "run the same line again")


def _store(path: Path, data: bytes, entry: Entry, name: str) -> None:
    if hashlib.sha256(data).hexdigest() != entry.digest:
        raise SourceError(f"a file changed while it was read: `{shown(name)}`", "run the same line again")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".ez-{entry.digest[:16]}")
    fresh.write_bytes(data)
    fresh.chmod(_mode(entry))
    fresh.replace(path)


def _mode(entry: Entry) -> int:
    return entry.mode & 0o777 | 0o400


def _link(path: Path, target: str) -> None:
    if path.is_symlink() and os.readlink(path) == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _read_notes(notes: Path) -> dict[str, list[object]]:
    try:
        read = json.loads(notes.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write_notes(notes: Path, directory: Path, files: Mapping[str, Entry]) -> None:
    known = {}
    for path, entry in files.items():
        status = (directory / path).lstat()
        known[path] = [entry.digest, status.st_size, status.st_mtime_ns]
    notes.write_text(json.dumps(known))
