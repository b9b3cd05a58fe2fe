"""Immutable build states: what every frontend produces and `ez/build/llb` turns into LLB.

A state is a node and everything below it. Equal graphs are equal values; labels and positions are for people
and take no part in equality, digests or cache keys.

Each state keeps the hash of its content, made from its own fields and the hashes of the states right below it.
So equality, hashes and digests cost the same at any depth, and nothing here or in `ez/build/llb` recurses.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, Union


@dataclass(frozen=True)
class Position:
    """Where a build file asked for a step: `file` relative to the repo, `line` and `column` from 1."""

    file: str
    line: int
    column: int = 1


@dataclass(frozen=True)
class Note:
    """What a person is told about a step."""

    label: str = ""
    position: Position | None = None


NO_NOTE = Note()


class Node:
    """What every state is. `identity` is the SHA-256 of its content in hex, the same in every run on every computer."""

    identity: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", _identity(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.identity[:12]}>"


@dataclass(frozen=True, eq=False, repr=False)
class Scratch(Node):
    """The empty file system."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageSource(Node):
    """An image of a registry or of the engine, by fully qualified or short reference.

    `platform` (`linux/arm64`) where it is not the one that is built for.
    """

    reference: str
    platform: str = ""
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class LocalSource(Node):
    """Files of the directory known to the session as `name`; patterns as BuildKit's include and exclude patterns."""

    name: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class GitSource(Node):
    """The tree of a Git repository at `ref` (a branch, a tag or a commit; empty for the default branch).

    `url` is `https://...`, `ssh://...` or `git@host:path`; with SSH the person's agent is used and `known_hosts`
    (OpenSSH's format) must name the host. `commit` is what `ref` has to be, 40 hex digits, empty for whatever it is.
    """

    url: str
    ref: str = ""
    subdirectory: str = ""
    commit: str = ""
    known_hosts: str = ""
    keep_git_directory: bool = False
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class HttpSource(Node):
    """One file by HTTP, found as `/filename`. `checksum` is `sha256:` and 64 hex digits, empty for whatever comes."""

    url: str
    filename: str
    checksum: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    note: Note = field(default=NO_NOTE, compare=False)


class Sharing(Enum):
    SHARED = 0
    PRIVATE = 1
    LOCKED = 2


@dataclass(frozen=True)
class BindMount:
    """`selector` of `source`. Sources of the same content count as the same, which takes an engine to read all of it;
    not so with `by_content` False, for which `readonly` has to be False too."""

    target: str
    source: State
    selector: str = ""
    readonly: bool = True
    by_content: bool = True


@dataclass(frozen=True)
class CacheMount:
    """A directory that outlives builds, known to the engine by `id` and the platform that is built for.

    It belongs to `uid` and `gid` when it is made.
    """

    target: str
    id: str
    sharing: Sharing = Sharing.SHARED
    uid: int = 0
    gid: int = 0

    @property
    def initial(self) -> Files | None:
        """What is in it at first, at `/cache`; None for nothing at all."""
        return _directory_of(self.uid, self.gid) if self.uid or self.gid else None


@dataclass(frozen=True)
class SecretMount:
    target: str
    id: str
    mode: int = 0o400
    optional: bool = False
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class SecretVariable:
    """A secret as the environment variable `name`. Needs a worker with `exec.secretenv`."""

    name: str
    id: str
    optional: bool = False


@dataclass(frozen=True)
class SshMount:
    """The person's SSH agent as a socket at `target`; the step's SSH_AUTH_SOCK is set to it."""

    target: str = "/run/buildkit/ssh_agent.0"
    id: str = "default"


@dataclass(frozen=True)
class TmpfsMount:
    target: str
    size: int = 0


Mount = BindMount | CacheMount | SecretMount | SecretVariable | SshMount | TmpfsMount


@dataclass(frozen=True, eq=False, repr=False)
class Run(Node):
    """Run `argv` on `base`. `env` is set on top of the base image's own environment, which steps inherit;
    `path` entries come before the base image's PATH. `network` is False for a step without network.
    """

    base: State
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    mounts: tuple[Mount, ...] = ()
    network: bool = True
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True)
class CopyAction:
    """Copy `source` of the state `origin` to `target`. A directory's contents go to `target` if `contents`.

    `uid` and `gid` None keep the owner (one of them alone makes the other 0), `mode` None keeps the mode. Parents of
    `target` are made. With `wildcard` the `source` is a pattern, which has to match something unless `allow_missing`.
    A `source` that is a symbolic link is followed unless `follow` is False. `include` and `exclude` are patterns below
    `source`, as BuildKit has them; they need a worker with `file.copy.includeexcludepatterns`.
    """

    origin: State
    source: str
    target: str
    contents: bool = True
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    wildcard: bool = False
    allow_missing: bool = False
    follow: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class MkDirAction:
    path: str
    mode: int = 0o755
    parents: bool = True
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class MkFileAction:
    """Write a small file (the whole request must stay below 4 MiB); its parent directory must exist."""

    path: str
    data: bytes
    mode: int = 0o644
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class RmAction:
    path: str
    allow_missing: bool = True
    wildcard: bool = False


@dataclass(frozen=True)
class SymlinkAction:
    """A symbolic link at `path` with the text `target`. Needs a worker with `file.symlink.create`."""

    target: str
    path: str


FileAction = CopyAction | MkDirAction | MkFileAction | RmAction | SymlinkAction


@dataclass(frozen=True, eq=False, repr=False)
class Files(Node):
    """File actions on `base`, together one layer."""

    base: State
    actions: tuple[FileAction, ...]
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class Merge(Node):
    """Layers of all `inputs` on top of one another, later ones winning; the environment is the first one's.

    This is how work that was done side by side comes together: `Merge((base, Diff(start, branch), ...))`. Where a
    worker has no `mergeop` the same files come about by copies, or by doing the work of a branch on top.
    """

    inputs: tuple[State, ...]
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class Diff(Node):
    """What `upper` changes of `lower`.

    `paths` names the only files and directories that it makes or changes, where that is known, absolute: a worker
    without `diffop` copies those whole instead. So no other branch may change files of `lower` in them, nothing in
    them may be deleted, and a directory that `upper` makes is named itself and not only by what is in it. With
    `mount` a Run on a merge of which this is the last input copies them, where there is no `diffop`: it finds `upper`
    at that place.
    """

    lower: State
    upper: State
    paths: tuple[str, ...] = ()
    note: Note = field(default=NO_NOTE, compare=False)
    mount: str = ""


State = Union[Scratch, ImageSource, LocalSource, GitSource, HttpSource, Run, Files, Merge, Diff]


@dataclass(frozen=True)
class ImageConfig:
    """The image configuration to write, on top of the base image's (entries here win).

    `env` and `path` as in `Run`. Empty `user`, `workdir`, `entrypoint` and `cmd` inherit the base image's
    (`cmd` is dropped when `entrypoint` is set).
    """

    env: tuple[tuple[str, str], ...] = ()
    path: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()


def base_image(state: State) -> ImageSource | None:
    """The image that `state` grows from, None for one that grows from nothing."""
    while not isinstance(state, ImageSource):
        base = parent(state)
        if base is None:
            return None
        state = base
    return state


def parent(state: State) -> State | None:
    """The state whose file system `state` changes, None for one that starts anew."""
    match state:
        case Run() | Files():
            return state.base
        case Merge():
            return state.inputs[0] if state.inputs else None
        case _:
            return None


def below(state: State) -> tuple[State, ...]:
    """Every state that `state` reads, `parent` first."""
    match state:
        case Run():
            return (state.base, *(needed for mount in state.mounts if (needed := _mounted(mount)) is not None))
        case Files():
            return (state.base, *(action.origin for action in state.actions if isinstance(action, CopyAction)))
        case Merge():
            return state.inputs
        case Diff():
            return (state.lower, state.upper)
        case _:
            return ()


@cache
def _directory_of(uid: int, gid: int) -> Files:
    return Files(Scratch(), (MkDirAction("/cache", uid=uid, gid=gid),), Note("make a directory to cache in"))


def is_cache_directory(state: State) -> bool:
    """Whether `state` is what a cache mount begins with. Engines make it anew although what needs it is known."""
    match state:
        case Files(base=Scratch(), actions=(MkDirAction(uid=uid, gid=gid),)):
            return state == _directory_of(uid, gid)
        case _:
            return False


def _mounted(mount: Mount) -> State | None:
    match mount:
        case BindMount():
            return mount.source
        case CacheMount():
            return mount.initial
        case _:
            return None


def walk(state: State, reads: Callable[[State], tuple[State, ...]] = below) -> list[State]:
    """`state` and everything that it `reads`, each once, what is read before what reads it."""
    ordered: list[State] = []
    done: set[str] = set()
    waiting: list[tuple[State, bool]] = [(state, False)]
    while waiting:
        current, expanded = waiting.pop()
        if current.identity in done:
            continue
        if expanded:
            done.add(current.identity)
            ordered.append(current)
            continue
        waiting.append((current, True))
        waiting.extend((needed, False) for needed in reversed(reads(current)) if needed.identity not in done)
    return ordered


def content_of(value: Any) -> str:
    """The SHA-256, in hex, of a value made of dataclasses, states, tuples, strings, bytes, numbers and None."""
    return hashlib.sha256(_ENCODER.encode(value).encode("ascii")).hexdigest()


def _identity(node: Node) -> str:
    return content_of(_fields(node))


def _plain(value: Any) -> Any:
    """What JSON has no word for, as an object with one key: the type's name."""
    match value:
        case Node():
            return {"State": value.identity}
        case bytes():
            return {"bytes": hashlib.sha256(value).hexdigest()}
        case Enum():
            return {type(value).__name__: value.value}
        case _:
            return _fields(value)


_ENCODER = json.JSONEncoder(default=_plain, check_circular=False, separators=(",", ":"))


def _fields(value: Any) -> dict[str, list[Any]]:
    return {type(value).__name__: [getattr(value, name) for name in _compared(value.__class__)]}


@cache
def _compared(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(kind) if item.compare)
