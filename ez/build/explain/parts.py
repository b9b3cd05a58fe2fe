"""The parts of a step's cache key, as names and values that can be compared with another build's and told.

A part is a text, a list or a table. What may be a secret (values of variables, commands, contents of files) is a
keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import posixpath
import re
from bisect import bisect_left
from collections.abc import Container, Iterator, Mapping

from ez.build.graph import (
    BindMount,
    CacheMount,
    CopyAction,
    Files,
    GitSource,
    HttpSource,
    ImageSource,
    LocalSource,
    MkFileAction,
    Mount,
    Run,
    SecretMount,
    SecretVariable,
    State,
    below,
)
from ez.build.llb.reference import normalise

Part = str | tuple[str, ...] | Mapping[str, str]
Parts = Mapping[str, Part]

HASHED = "#"
"""How an argument begins of which only the hash is kept."""

MOST_FILES = 2000
"""Files that a step tells one by one; of more, the directories."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SECRET = re.compile(
    r"(?i)((?<![\w-])(?>[\w-]*?(?:token|secret|passw(?:or)?d|api[_-]?key|credential))[\w-]*+(?:\s*+[=:]\s*+|\s++)"
    r"|(?:bearer|basic)\s++)"
    r"(?:\"[^\"]*\"?|'[^']*'?|[^\s\"']+)"
)
_OWN_PROGRAM = re.compile(r"ez-[a-z-]+")


class Hasher:
    """Makes values unreadable, in the same way for all builds of one history."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def hash(self, value: str | bytes) -> str:
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return hmac.new(self._salt, data, hashlib.sha256).hexdigest()[:16]

    def masked(self, text: str) -> str:
        """`text` with what looks like a password or a token in it hidden."""
        without = _CREDENTIALS.sub("***", text)
        return _SECRET.sub(r"\1***", without)


class Tree:
    """The files of a definition: `(path, kind, content)`, sorted by path."""

    def __init__(self, contents: tuple[tuple[str, str, str], ...]) -> None:
        self._contents = sorted(contents)
        self._paths = [path for path, _, _ in self._contents]

    def under(self, place: str) -> Iterator[tuple[str, str]]:
        """The path and what is there, for the file `place` or all files below it; empty for the whole tree."""
        if place in ("", "."):
            yield from ((path, f"{kind} {content}") for path, kind, content in self._contents)
            return
        for bounds in ((place, place + "\0"), (place + "/", place + "0")):
            for index in range(bisect_left(self._paths, bounds[0]), bisect_left(self._paths, bounds[1])):
                path, kind, content = self._contents[index]
                yield path, f"{kind} {content}"


def linked(state: State, known: Container[str]) -> Iterator[str]:
    """The identities among `known` of what `state` reads, looking through states that became no operation."""
    waiting = list(reversed(below(state)))
    while waiting:
        current = waiting.pop()
        if current.identity in known:
            yield current.identity
        else:
            waiting.extend(reversed(below(current)))


def is_own(argv: tuple[str, ...]) -> bool:
    """Is it a step of ez's (`ez.build.image.shell.command`), and no command of a person's?"""
    return len(argv) > 3 and argv[:2] == ("/bin/sh", "-c") and _OWN_PROGRAM.fullmatch(argv[3]) is not None


def parts_of(state: State, tree: Tree, images: Mapping[str, str], hasher: Hasher) -> dict[str, Part]:
    """The state's own parts; what is below it takes no part. `images` are the ids of images by full reference."""
    match state:
        case ImageSource():
            reference = normalise(state)
            return _present({"reference": reference, "id": images.get(reference, ""), "platform": state.platform})
        case GitSource():
            return _present({"url": hasher.masked(state.url), "ref": state.ref, "commit": state.commit})
        case HttpSource():
            return _present({"url": hasher.masked(state.url), "checksum": state.checksum})
        case Run():
            return _run(state, tree, hasher)
        case Files():
            return _files(state, tree, hasher)
        case _:
            return {}


def _run(state: Run, tree: Tree, hasher: Hasher) -> dict[str, Part]:
    program, arguments = _command(state.argv, hasher)
    sources = [mount for mount in state.mounts if isinstance(mount, BindMount)]
    found = [
        file
        for mount in sources
        if isinstance(mount.source, LocalSource)
        for file in _used(mount.source, mount.selector, tree)
    ]
    return _present(
        {
            "program": program,
            "arguments": arguments,
            "env": {name: hasher.hash(value) for name, value in state.env},
            "path": state.path,
            "cwd": state.cwd,
            "user": state.user,
            "network": "" if state.network else "none",
            "mounts": tuple(_mount(mount) for mount in state.mounts),
            "files": _hashed(found, hasher),
        }
    )


def _command(argv: tuple[str, ...], hasher: Hasher) -> tuple[str, tuple[str, ...]]:
    """The program and what it is given: ez's own steps in clear, a person's commands as hashes of their lines."""
    if is_own(argv):
        return f"{argv[3]} {hasher.hash(argv[2])}", tuple(hasher.masked(argument) for argument in argv[4:])
    lines = [line for argument in argv[1:] for line in argument.splitlines() or [""]]
    return posixpath.basename(argv[0]) if argv else "", tuple(HASHED + hasher.hash(line) for line in lines)


def _mount(mount: Mount) -> str:
    match mount:
        case BindMount():
            return f"bind {mount.selector or '/'} at {mount.target}"
        case CacheMount():
            return f"cache {mount.id} at {mount.target}"
        case SecretMount():
            return f"secret {mount.id} at {mount.target}"
        case SecretVariable():
            return f"secret {mount.id} as {mount.name}"
        case _:
            return f"{type(mount).__name__.removesuffix('Mount').lower()} at {mount.target}"


def _files(state: Files, tree: Tree, hasher: Hasher) -> dict[str, Part]:
    actions, written, found = [], {}, []
    for action in state.actions:
        match action:
            case MkFileAction():
                written[action.path] = hasher.hash(action.data)
                actions.append(f"write {action.path} {action.mode:o} {action.uid}:{action.gid}")
            case CopyAction():
                actions.append(f"copy {action.source} to {action.target} {action.uid}:{action.gid}")
                if isinstance(action.origin, LocalSource):
                    found += _used(action.origin, "" if action.wildcard else action.source, tree)
            case _:
                kind = type(action).__name__.removesuffix("Action").lower()
                actions.append(f"{kind} {action.path}")
    return _present({"actions": tuple(actions), "written": written, "files": _hashed(found, hasher)})


def _used(source: LocalSource, selector: str, tree: Tree) -> list[tuple[str, str]]:
    """The files that a step reads of the repo. Patterns with wildcards count as the whole repo."""
    chosen = selector.strip("/")
    if chosen and chosen != ".":
        return list(tree.under(chosen))
    plain = [re.sub(r"\\(.)", r"\1", pattern) for pattern in source.include]
    wild = any(re.search(r"(?<!\\)[*?\[]", pattern) for pattern in source.include)
    places = [""] if wild or not plain else plain
    return [file for place in places for file in tree.under(place)]


def _hashed(files: list[tuple[str, str]], hasher: Hasher) -> dict[str, str]:
    """Hashes by path; by directory, ever higher, while there are too many."""
    contents = dict(files)
    depth = max((path.count("/") for path in contents), default=0)
    while len(contents) > MOST_FILES and depth >= 0:
        folded: dict[str, list[str]] = {}
        for path, content in sorted(contents.items()):
            parts = path.rstrip("/").split("/")
            top = path if len(parts) <= depth else "/".join(parts[:depth]) + "/"
            folded.setdefault(top, []).append(f"{path} {content}")
        contents = {path: "\n".join(lines) for path, lines in folded.items()}
        depth -= 1
    return {path: hasher.hash(content) for path, content in contents.items()}


def _present(parts: Mapping[str, Part]) -> dict[str, Part]:
    return {name: value for name, value in parts.items() if value}
