"""What the straight line is asked for, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ez.config import Settings
from ez.events import Sink
from ez.models import Computer, Network, RepoRef
from ez.state import State

if TYPE_CHECKING:
    from ez.build.order import Cache, Output
    from ez.build.secrets import Secret, SshAgent
    from ez.env.shares.model import Share
    from ez.ssh.config import SshConfig
    from ez.ssh.host import Host


@dataclass(frozen=True)
class Request:
    """What every walk along the line is about: a repo and a computer. `entry` is `FILE[:FUNC]`, `arguments` are those
    of its function, as typed."""

    repo: RepoRef
    computer: str
    entry: str = "build.envd:build"
    agent: bool = True
    rebuild: bool = False
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.repo.name


@dataclass(frozen=True)
class GoRequest(Request):
    """What the person asked `ez env go` for. `variables` are those of `--env`, `shares` those of the workspace and of
    `--mount`; `secrets` says that it gets some after its start, for which its services wait."""

    variables: tuple[tuple[str, str], ...] = ()
    shares: tuple[Share, ...] = ()
    secrets: bool = False


@dataclass(frozen=True)
class BuildRequest(Request):
    """What the person asked `ez build` for. `tags` name the image instead of its own name and go to their registries
    with `push`; `outputs` are further results; `secrets` and `agents` are lent to steps, by id; without `plain` the
    image can be entered; `timestamp`, in Unix seconds, replaces every time in the result."""

    tags: tuple[str, ...] = ()
    push: bool = False
    outputs: tuple[Output, ...] = ()
    platforms: tuple[str, ...] = ()
    cache_from: tuple[Cache, ...] = ()
    cache_to: tuple[Cache, ...] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    agents: Mapping[str, SshAgent] = field(default_factory=dict)
    plain: bool = False
    timestamp: int | None = None


@dataclass(frozen=True)
class GoContext:
    """What the line works with. `ssh` gives the configuration that ez publishes; `connect` opens a computer; `confirm`
    asks the person and raises when refused; `config_file` is the OpenSSH configuration where it is not the default
    one. `detach` starts `ez` with arguments as a process that outlives this one, None where that cannot be. `have`
    finds a computer and starts or makes it in a cloud, None where that is not to be done. `finished` are the runs of
    build files so far, which one command needs once: `ez.build.frontends.Given`. `migrate` brings the work to the
    computer before anything else does, and says in a phrase what it did. `secrets` is told where the repo's files
    are, and says whether the environment gets any."""

    settings: Settings
    network: Network
    state: State
    sink: Sink
    ssh: Callable[[], SshConfig]
    config_file: Path | None
    connect: Callable[[Computer], Host]
    confirm: Callable[[str], None]
    detach: Callable[[Sequence[str]], None] | None = None
    have: Callable[[str], Computer] | None = None
    migrate: Callable[[Host], str] | None = None
    secrets: Callable[[Path], bool] | None = None
    finished: dict[object, Any] = field(default_factory=dict)
