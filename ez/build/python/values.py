"""What calls of the Python API take besides words: where files come from, and what a step may see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Git:
    """A Git repository at `ref` (a branch, a tag or a commit; empty for the default branch), or a `subdirectory` of it.

    `commit` is what `ref` has to be, 40 hex digits. By SSH the person's agent is used, and `known_hosts` (OpenSSH's
    format) must name the host.
    """

    url: str
    ref: str = ""
    commit: str = ""
    subdirectory: str = ""
    known_hosts: str = ""


@dataclass(frozen=True)
class Http:
    """One file by HTTP; `checksum` is `sha256:` and 64 hex digits."""

    url: str
    checksum: str = ""
    mode: int = 0o644


@dataclass(frozen=True)
class Local:
    """Files of the directory in which the program runs, without those that match `exclude` (as in .dockerignore)."""

    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cache:
    """A directory that outlives builds, shared by all images of an engine that name `id`, for one platform each.

    What begins with `ez-` is ez's own.
    """

    target: str
    id: str
    exclusive: bool = False


@dataclass(frozen=True)
class Secret:
    """The secret `id` as a file, by default /run/secrets/<id>, or as the environment variable `variable`.

    It is never part of the image. `ez build --secret` says what it is.
    """

    id: str
    target: str = ""
    variable: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Bind:
    """`source` of another place, or all of it, seen at `target` while a step runs. What is written is thrown away.

    `origin` is an image (a name or a value), or Git, Http or Local.
    """

    target: str
    origin: object
    source: str = ""
    writable: bool = False


@dataclass(frozen=True)
class Tmpfs:
    """Memory as a directory; `size` in bytes, 0 without limit."""

    target: str
    size: int = 0


Seen = Cache | Secret | Bind | Tmpfs
