"""What a build file has asked for so far. Builtins write it, the compiler reads it; nobody else holds it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from ez.build.graph import Mount, Position
from ez.models import HostMount, Port

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
    stage: str = "last"


@dataclass(frozen=True)
class Copy:
    source: str
    target: str
    image: str = ""


@dataclass(frozen=True)
class Download:
    url: str
    filename: str
    checksum: str = ""


@dataclass(frozen=True)
class Extension:
    """An editor's extension. `version` is empty for the newest one."""

    publisher: str
    name: str
    version: str = ""


@dataclass(frozen=True)
class DataSource:
    """What `data.envd` gives: a directory that ez keeps on the computer for all environments."""

    name: str


@dataclass(frozen=True)
class Jupyter:
    token: str = ""
    port: int = 0


@dataclass(frozen=True)
class Service:
    """A program of an envd feature, by the name of its log."""

    name: str
    program: str


@dataclass(frozen=True)
class PipIndex:
    url: str
    extra_url: str = ""
    trusted: bool = False


@dataclass(frozen=True)
class Tool:
    """A toolchain or a program of `ez.build.image.tools`; `options` are its builtin's other arguments."""

    name: str
    version: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class CondaPackages:
    names: tuple[str, ...]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cuda:
    version: str
    cudnn: str = ""


@dataclass(frozen=True)
class GitConfig:
    name: str = ""
    email: str = ""
    editor: str = ""


@dataclass
class Record:
    """Lists keep the order of the calls; single values are the last call's. None is "not asked for".

    In the written order the calls are also put aside as `parts`, each with what it alone asked for.
    """

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

    tools: list[At[Tool]] = field(default_factory=list)
    r_packages: list[At[tuple[str, ...]]] = field(default_factory=list)
    julia_packages: list[At[tuple[str, ...]]] = field(default_factory=list)
    conda: At[bool] | None = None
    conda_channel: At[str] | None = None
    conda_packages: list[At[CondaPackages]] = field(default_factory=list)
    conda_env_file: At[str] | None = None
    cuda: At[Cuda] | None = None
    pip_projects: list[At[str]] = field(default_factory=list)
    pip_secrets: dict[Position, tuple[Mount, ...]] = field(default_factory=dict)

    base: Position | None = None
    order: str = "documented"
    downloads: list[At[Download]] = field(default_factory=list)
    extensions: list[At[Extension]] = field(default_factory=list)
    mounts: list[At[HostMount]] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    private: dict[str, str] = field(default_factory=dict)
    jupyter: At[Jupyter] | None = None
    rstudio: Position | None = None
    cran_mirror: str = ""
    julia_pkg_server: str = ""
    repo: tuple[str, str] = ("", "")
    owner: tuple[int, int] | None = None

    parts: list[Record] = field(default_factory=list)
    _whole: Record | None = field(default=None, repr=False)
    _cut: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def whole(self) -> Record:
        """The record that this is a part of, or itself: what all calls together have asked for."""
        return self._whole or self

    def cut(self) -> None:
        """In the written order: put aside what was asked for since the last cut, as a part of its own."""
        if self.order != "written":
            return
        part, changed = Record(_whole=self), False
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in ("parts", "_whole", "_cut"):
                continue
            if item.name in SETTINGS or isinstance(value, dict):
                setattr(part, item.name, value)
            elif isinstance(value, list):
                setattr(part, item.name, value[self._cut.get(item.name, 0) :])
                changed |= len(value) > self._cut.get(item.name, 0)
                self._cut[item.name] = len(value)
            elif value is not self._cut.get(item.name, item.default):
                setattr(part, item.name, value)
                self._cut[item.name], changed = value, True
        if changed:
            self.parts.append(part)


SETTINGS = (
    *("image", "dev", "shell", "base", "order", "git", "extra_path"),
    *("cran_mirror", "julia_pkg_server", "owner"),
)
"""What a part has of the whole, as it has all tables, whenever it was asked for: it counts for every step."""
