"""What a build file has asked for so far. Builtins write it, the compiler reads it; nobody else holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ez.build.graph import Position
from ez.models import Port

Asked = TypeVar("Asked", covariant=True)

DEFAULT_IMAGE = "ubuntu:22.04"


@dataclass(frozen=True)
class At(Generic[Asked]):
    """A value and where it was asked for."""

    value: Asked
    position: Position


@dataclass(frozen=True)
class Commands:
    lines: tuple[str, ...]
    mount_context: bool = False


@dataclass(frozen=True)
class Copy:
    source: str
    target: str
    image: str = ""


@dataclass(frozen=True)
class PipIndex:
    url: str
    extra_url: str = ""
    trusted: bool = False


@dataclass(frozen=True)
class GitConfig:
    name: str = ""
    email: str = ""
    editor: str = ""


@dataclass
class Record:
    """Lists keep the order of the calls; single values are the last call's. None is "not asked for"."""

    image: At[str] | None = None
    dev: bool = False
    shell: str = "bash"
    git: At[GitConfig] | None = None
    run: list[At[Commands]] = field(default_factory=list)

    apt_packages: list[At[tuple[str, ...]]] = field(default_factory=list)
    python: At[str] | None = None
    pip_packages: list[At[tuple[str, ...]]] = field(default_factory=list)
    pip_requirements: At[str] | None = None
    pip_wheels: list[At[tuple[str, ...]]] = field(default_factory=list)

    apt_source: At[str] | None = None
    pip_index: At[PipIndex] | None = None
    entrypoint: At[tuple[str, ...]] | None = None
    gpus: int = 0
    shm_mb: int = 0

    copies: list[At[Copy]] = field(default_factory=list)

    environ: dict[str, str] = field(default_factory=dict)
    extra_path: list[str] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    daemons: list[At[tuple[str, ...]]] = field(default_factory=list)
    init: list[At[tuple[str, ...]]] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)
