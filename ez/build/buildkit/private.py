"""Names under which a session serves secrets and agents, so that builds side by side never get each other's.

An engine runs equal operations of two builds once, with the secret or the agent of whichever came first. So equal
operations must have equal secrets, and the name of a secret says which one it is: a hash of its content, made with
scrypt, so that the name, which is part of the operation and of its cache key, gives nobody a secret to guess at any
useful speed. The price is that a step which mounts a secret is known only to those who mount the same one.
What ez itself mounts, network settings, is left out: it decides how a step gets its downloads, not what it makes.
"""

from __future__ import annotations

import hashlib
import shlex
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ez.build.graph import GitSource, Run, SecretMount, SecretVariable, SshMount, State, walk
from ez.build.llb.private import Private
from ez.build.secrets import DEFAULT_AGENT, Secret, SshAgent
from ez.errors import StepError

_SECONDS_TO_ANSWER = 5.0
_LIST_KEYS = struct.pack(">IB", 1, 11)
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Served:
    """What the session serves by the names in `names`; secrets that nothing mounts keep their own."""

    names: Private
    secrets: Mapping[str, bytes | Secret] = field(repr=False)
    agents: Mapping[str, SshAgent]


def served(state: State, secrets: Mapping[str, bytes | Secret], agents: Mapping[str, SshAgent]) -> Served:
    """Reads the secrets that `state` mounts. Raises StepError where a step needs one, or an agent, that is not among
    those given, and BuildError where one cannot be read."""
    _check(state, secrets, agents)
    mounted, lent = _mounted(state)
    contents = {id: _content(secrets[id]) for id in mounted if id in secrets}
    secret_names = {id: f"{id}.{_hash(id, content)}" for id, content in contents.items()}
    agent_names = {id: f"{id}.{_keys(agents[id])}" for id in lent if id in agents}
    return Served(
        Private(secret_names, agent_names),
        {**secrets, **{secret_names[id]: content for id, content in contents.items()}},
        {**agents, **{name: agents[id] for id, name in agent_names.items()}},
    )


def _check(state: State, secrets: Mapping[str, bytes | Secret], agents: Mapping[str, SshAgent]) -> None:
    """The engine would say the same when the step runs, and may have to run others first."""
    for run in (current for current in walk(state) if isinstance(current, Run)):
        for mount in run.mounts:
            if isinstance(mount, SecretMount | SecretVariable) and not (mount.optional or mount.id in secrets):
                raise _not_lent(run, f"secret `{mount.id}`", f"--secret {shlex.quote(f'id={mount.id},src=FILE')}")
            if isinstance(mount, SshMount) and mount.id not in agents:
                place = "" if mount.id == DEFAULT_AGENT else "=SOCKET"
                raise _not_lent(run, f"SSH agent `{mount.id}`", f"--ssh {shlex.quote(mount.id + place)}")


def _not_lent(run: Run, what: str, option: str) -> StepError:
    position = run.note.position
    return StepError(
        f"a step needs the {what}, which is not lent to this build",
        f"lend it: `{option}`",
        file=position.file if position else None,
        line=position.line if position else None,
    )


def _mounted(state: State) -> tuple[set[str], set[str]]:
    """The ids of secrets and of agents that steps use."""
    secrets: set[str] = set()
    agents: set[str] = set()
    for current in walk(state):
        if isinstance(current, GitSource):
            agents.add("default")
        for mount in current.mounts if isinstance(current, Run) else ():
            if isinstance(mount, SecretMount | SecretVariable):
                secrets.add(mount.id)
            elif isinstance(mount, SshMount):
                agents.add(mount.id)
    return secrets, agents


def _content(secret: bytes | Secret) -> bytes:
    return secret if isinstance(secret, bytes) else secret.read()


def _hash(id: str, content: bytes) -> str:
    return hashlib.scrypt(content, salt=f"ez secret {id}".encode(), n=2**14, r=8, p=1, dklen=16).hex()


def _keys(agent: SshAgent) -> str:
    """Of an agent, what its public keys are: they are what it lends."""
    if agent.socket is not None:
        return hashlib.sha256(_listed(agent.socket)).hexdigest()[:32]
    return _hash("agent", b"\0".join(_read(path) for path in agent.keys))


def _listed(path: Path) -> bytes:
    """The agent's keys as it tells them (draft-ietf-sshm-ssh-agent), empty where it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(_SECONDS_TO_ANSWER)
            stream.connect(str(path))
            stream.sendall(_LIST_KEYS)
            with stream.makefile("rb") as answers:
                (length,) = struct.unpack(">I", answers.read(4))
                return answers.read(min(length, _LONGEST))
    except (OSError, struct.error):
        return b""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
