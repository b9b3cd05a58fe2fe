"""What the index holds, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ez.models import Port, Workspace


@dataclass(frozen=True)
class EnvironmentRecord:
    """What the index knows of an environment. Text is empty, times 0, where nothing is known yet.

    `repo_path` is a directory on this computer, `host_path` the work tree on the environment's computer, `workdir`
    the directory inside; `entry` is `FILE[:FUNC]` of the build file; `image` a reference in the computer's engine.
    Times are Unix seconds, set by `State.save_environment`. `status` is the engine's word for the container when it was
    last looked at; `commands` are the named command lines of runtime.command.
    """

    name: str
    computer: str
    repo_url: str = ""
    repo_path: str = ""
    ref: str = ""
    entry: str = ""
    container: str = ""
    image: str = ""
    digest: str = ""
    alias: str = ""
    workdir: str = ""
    host_path: str = ""
    ports: tuple[Port, ...] = ()
    created: float = 0.0
    updated: float = 0.0
    status: str = ""
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def repo(self) -> str:
        """The address or the directory that it was opened from."""
        return self.repo_url or self.repo_path


Phase = Literal["ordered", "here", "leaving", "dead", "gone"]
"""`ordered` before the first billed call, `here` once it runs, `leaving` before the first call that deletes, `dead` an
attempt that was given up and may have left something, `gone` when nothing is left but what it cost."""

LIVING: tuple[Phase, ...] = ("ordered", "here", "leaving")


@dataclass(frozen=True)
class MachineRecord:
    """One attempt at a machine of a cloud, and what came of it. Text is empty, numbers are 0, where nothing is known.

    `create_id` is the tag of all that was made for it, `id` what the cloud calls it. `workspace` is the one it was
    made in, whatever the settings say now. `price` is US dollars an hour while it runs, None if nobody knows; `disk` in
    GiB. `identity` is the key file that logs in as `user`; `host_keys` are the public lines that ez made for it.
    `source` is the address let in last. `power` was seen last; `lease` is until when a person keeps it awake. All times
    are Unix seconds. At `fenced` its cloud's own clock stops it next, as far
    as is known; negative where it was to be set to that and could not be.
    """

    create_id: str
    name: str
    phase: Phase
    provider: str
    workspace: Workspace
    id: str = ""
    region: str = ""
    zone: str = ""
    size: str = ""
    spot: bool = False
    disk: int = 0
    price: float | None = None
    user: str = ""
    identity: str = ""
    host_keys: tuple[str, ...] = ()
    power: str = ""
    source: str = ""
    lease: float = 0.0
    idle_minutes: int = 0
    private: bool = False
    expires: float = 0.0
    ordered: float = 0.0
    made: float = 0.0
    gone: float = 0.0
    fenced: float = 0.0


@dataclass(frozen=True)
class PowerChange:
    """From `at` (Unix seconds) on a machine was in `power`; `price` is that of its compute in US dollars an hour, where
    the power is one that is paid for, and None if nobody knows."""

    at: float
    power: str
    price: float | None


@dataclass(frozen=True)
class Refusal:
    """What a cloud had no room or no quota for: not to be tried again before `until` (Unix seconds). Empty text and
    None stand for all; `size` is one or a family; `reason` is for people."""

    provider: str
    account: str
    region: str = ""
    size: str = ""
    zone: str = ""
    spot: bool | None = None
    until: float = 0.0
    reason: str = ""
