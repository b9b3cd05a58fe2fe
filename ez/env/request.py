"""What the straight line is asked for, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ez.config import Settings
from ez.events import Sink
from ez.models import Computer, Network, RepoRef
from ez.ssh.config import SshConfig
from ez.ssh.host import Host
from ez.state import State


@dataclass(frozen=True)
class GoRequest:
    """What the person asked for. `variables` are those of `--env`; `entry` is `FILE[:FUNC]`."""

    repo: RepoRef
    computer: str
    entry: str = "build.envd:build"
    variables: tuple[tuple[str, str], ...] = ()
    agent: bool = True
    rebuild: bool = False

    @property
    def name(self) -> str:
        return self.repo.name


@dataclass(frozen=True)
class GoContext:
    """What the line works with. `connect` opens a computer; `confirm` asks the person and raises when refused;
    `config_file` is the OpenSSH configuration where it is not the default one."""

    settings: Settings
    network: Network
    state: State
    sink: Sink
    ssh: SshConfig
    config_file: Path | None
    connect: Callable[[Computer], Host]
    confirm: Callable[[str], None]
