"""Immutable build states: what every frontend produces and `ez/build/llb` turns into LLB.

A state is a node and everything below it. Equal graphs are equal values; labels and positions are for people
and take no part in equality, digests or cache keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Union


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


@dataclass(frozen=True)
class Scratch:
    """The empty file system."""


@dataclass(frozen=True)
class ImageSource:
    """An image of a registry or of the engine, by fully qualified or short reference."""

    reference: str
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True)
class LocalSource:
    """Files of the directory known to the session as `name`; patterns as BuildKit's include and exclude patterns."""

    name: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    note: Note = field(default=NO_NOTE, compare=False)


class Sharing(Enum):
    SHARED = 0
    PRIVATE = 1
    LOCKED = 2


@dataclass(frozen=True)
class BindMount:
    target: str
    source: State
    selector: str = ""
    readonly: bool = True


@dataclass(frozen=True)
class CacheMount:
    """A directory that outlives builds, known to the engine by `id` alone."""

    target: str
    id: str
    sharing: Sharing = Sharing.SHARED


@dataclass(frozen=True)
class SecretMount:
    target: str
    id: str
    mode: int = 0o400
    optional: bool = False
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class SshMount:
    """The person's SSH agent as a socket at `target`; the step's SSH_AUTH_SOCK is set to it."""

    target: str = "/run/buildkit/ssh_agent.0"
    id: str = "default"


@dataclass(frozen=True)
class TmpfsMount:
    target: str
    size: int = 0


Mount = BindMount | CacheMount | SecretMount | SshMount | TmpfsMount


@dataclass(frozen=True)
class Run:
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

    `uid`/`gid` None keep the owner, `mode` None keeps the mode. Parents of `target` are made.
    """

    origin: State
    source: str
    target: str
    contents: bool = True
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    wildcard: bool = False


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


FileAction = CopyAction | MkDirAction | MkFileAction | RmAction


@dataclass(frozen=True)
class Files:
    """File actions on `base`, together one layer."""

    base: State
    actions: tuple[FileAction, ...]
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True)
class Merge:
    """Layers of all `inputs` on top of one another, later ones winning. Needs a worker with `mergeop`."""

    inputs: tuple[State, ...]
    note: Note = field(default=NO_NOTE, compare=False)


@dataclass(frozen=True)
class Diff:
    """What `upper` adds to `lower`. Needs a worker with `diffop`."""

    lower: State
    upper: State
    note: Note = field(default=NO_NOTE, compare=False)


State = Union[Scratch, ImageSource, LocalSource, Run, Files, Merge, Diff]


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
    match state:
        case ImageSource():
            return state
        case Run() | Files():
            return base_image(state.base)
        case Merge():
            return base_image(state.inputs[0])
        case _:
            return None
