"""What engines say of themselves: what they are, workers, cache records, builds that were."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineInfo:
    """What an engine says of itself. `kind` is `docker` or `buildkit` (a standalone buildkitd, which says no more).

    `store` is `containerd` or `graphdriver`; `direct` tells that gRPC works from the first byte on its socket;
    `data_root` is where it keeps images, on its computer.
    """

    kind: str
    version: str = ""
    api_version: str = ""
    store: str = ""
    os: str = ""
    architecture: str = ""
    data_root: str = ""
    direct: bool = False


@dataclass(frozen=True)
class Worker:
    """A worker of an engine: it runs steps and keeps their results.

    `platforms` as `os/architecture[/variant]`, its own first; `snapshotter` is empty where Docker's older image store
    is used; `version` is BuildKit's, empty or meaningless in some packages (`v0.0.0+unknown`).
    """

    id: str
    platforms: tuple[str, ...]
    snapshotter: str
    version: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CacheRecord:
    """One thing that an engine's build cache keeps.

    `type` is BuildKit's: `regular`, `internal`, `frontend`, `source.local`, `source.git.checkout`, `exec.cachemount`.
    `size` in bytes, `created` and `last_used` in Unix seconds (None: never used). `in_use` says that a running build
    holds it, `shared` that an image or another record has it too, so that removing it frees nothing.
    """

    id: str
    type: str
    size: int
    created: float
    last_used: float | None
    uses: int
    in_use: bool
    shared: bool
    mutable: bool
    description: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuildRecord:
    """A build that an engine remembers. Times are Unix seconds, `completed` is None while it runs; `error` is empty
    for one that ended well."""

    id: str
    created: float
    completed: float | None
    steps: int
    cached_steps: int
    error: str = ""
