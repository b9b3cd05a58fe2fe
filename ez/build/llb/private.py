"""By which names a session serves what steps mount privately; see `ez/build/buildkit/private.py` for why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ez.build.graph import Mount, Run, SecretMount, SecretVariable, SshMount


@dataclass(frozen=True)
class Private:
    """The names of secrets and of agents by their ids in the graph; those that are not in here keep the id."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)

    def named(self, run: Run) -> Run:
        """`run` with the session's names in its mounts."""
        mounts = tuple(self._named(mount) for mount in run.mounts)
        return run if mounts == run.mounts else replace(run, mounts=mounts)

    def agent(self, id: str) -> str:
        return self.agents.get(id, id)

    def _named(self, mount: Mount) -> Mount:
        match mount:
            case SecretMount() | SecretVariable():
                return replace(mount, id=self.secrets.get(mount.id, mount.id))
            case SshMount():
                return replace(mount, id=self.agent(mount.id))
            case _:
                return mount
