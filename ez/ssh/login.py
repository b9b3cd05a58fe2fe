"""Log in with the person's keys: those of the agent and of identity files, and no more of them than needed."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import paramiko
from paramiko.agent import AgentSSH
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import PartialAuthentication

from ez.errors import HostKeyError, LoginError
from ez.ssh.hostkeys import key_blob
from ez.ssh.resolve import Resolved

_MANY_KEYS = 5
"""sshd counts six refused keys as one attack too many (`MaxAuthTries`)."""


class PersonAgent(AgentSSH):
    """A connection to the SSH agent that listens on the socket `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.settimeout(60)
            stream.connect(str(path))
            self._connect(stream)  # type: ignore[attr-defined]
        except BaseException:
            stream.close()
            raise

    def close(self) -> None:
        self._close()  # type: ignore[attr-defined]


def login(
    transport: paramiko.Transport,
    resolved: Resolved,
    *,
    agent_socket: Path | None,
) -> None:
    """Authenticate `transport` as `resolved` says.

    As OpenSSH does it: first identities that the agent holds, then its other keys, then key files. Costs two
    round trips per key that is offered. Raises LoginError when none is accepted.
    """
    agent = _open_agent(agent_socket)
    offers = _Offers(resolved.identities, resolved.identities_only, agent)
    try:
        for key in offers:
            if _accepted(transport, resolved.user, key):
                return
            if not transport.is_active():
                break
    finally:
        if agent is not None:
            agent.close()
    raise _refused(resolved, offers, agent_socket, answers=agent is not None)


class _Offers:
    """The keys to offer, in order; afterwards, how many there were and which key files are locked."""

    def __init__(self, identities: Sequence[Path], identities_only: bool, agent: PersonAgent | None) -> None:
        self._identities = identities
        self._identities_only = identities_only
        self._agent_keys = {key.asbytes(): key for key in agent.get_keys()} if agent is not None else {}
        self.count = 0
        self.locked: list[Path] = []

    def __iter__(self) -> Iterator[paramiko.PKey]:
        for key in self._keys():
            self.count += 1
            yield key

    def _keys(self) -> Iterator[paramiko.PKey]:
        waiting = dict(self._agent_keys)
        files: list[Path] = []
        for path in self._identities:
            held = waiting.pop(_public_blob(path), None)
            if held is not None:
                yield held
            else:
                files.append(path)
        if not self._identities_only:
            yield from waiting.values()
        for path in files:
            key = self._load(path)
            if key is not None:
                yield key

    def _load(self, path: Path) -> paramiko.PKey | None:
        try:
            return paramiko.PKey.from_path(path)
        except (TypeError, paramiko.PasswordRequiredException):
            self.locked.append(path)
        except (OSError, ValueError, paramiko.SSHException, UnknownKeyType):
            pass  # Not there, a public key whose other half the agent lacks, or not a key: nothing to offer.
        return None


def _open_agent(path: Path | None) -> PersonAgent | None:
    if path is None:
        return None
    try:
        return PersonAgent(path)
    except (OSError, paramiko.SSHException):
        return None


def _public_blob(identity: Path) -> bytes:
    """The public half of an identity, which may be given as the private or as the public key file."""
    for path in (identity.with_name(identity.name + ".pub"), identity):
        try:
            return key_blob(path.read_text())
        except (OSError, ValueError, HostKeyError):
            continue
    return b""


def _accepted(transport: paramiko.Transport, user: str, key: paramiko.PKey) -> bool:
    try:
        more = transport.auth_publickey(user, key)
    except paramiko.BadAuthenticationType as error:
        if "publickey" not in error.allowed_types:
            raise
        return False
    except paramiko.SSHException:
        return False  # This key was refused, or the agent would not sign with it.
    if more:
        raise PartialAuthentication(more)
    return transport.is_authenticated()


def _refused(resolved: Resolved, offers: _Offers, agent_socket: Path | None, *, answers: bool) -> LoginError:
    target = resolved.target
    if offers.locked:
        path = offers.locked[0]
        return LoginError(f"login refused: `{target}` (the key `{path}` has a passphrase)", f"ssh-add {path}")
    if offers.count == 0:
        return _without_keys(target, agent_socket, answers=answers)
    if offers.count >= _MANY_KEYS:
        message = f"login refused: `{target}` (it took none of {offers.count} keys and may count them as an attack)"
        return LoginError(message, "name the right one with `--identity FILE`")
    return LoginError(f"login refused: `{target}` (keys offered: {offers.count})", f"ssh-copy-id {resolved.arguments}")


def _without_keys(target: str, agent_socket: Path | None, *, answers: bool) -> LoginError:
    if answers:
        return LoginError(f"no SSH key to log in with: `{target}` (the SSH agent holds none)", "ssh-add")
    reason = f"the SSH agent does not answer: `{agent_socket}`" if agent_socket is not None else "no SSH agent runs"
    hint = 'eval "$(ssh-agent)" && ssh-add'
    return LoginError(f"no SSH key to log in with: `{target}` ({reason})", hint)
