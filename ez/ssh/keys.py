"""The key that logs a person in to a machine which is still to be made."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import paramiko

from ez.errors import ConfigError, HostKeyError
from ez.ssh.config import PROTECTED_KEY, SshConfig
from ez.ssh.files import private_directory, write_atomic
from ez.ssh.hostkeys import fingerprint, key_blob
from ez.ssh.login import PersonAgent

_TAKEN = ("ssh-ed25519", "ssh-rsa")
"""Kinds that every cloud takes, the better one first."""


@dataclass(frozen=True)
class LoginKey:
    """`public` is what the machine lets in; `identity` is a file that makes OpenSSH and ez offer this key and no other:
    the public half where the agent alone holds the private one, else the private key."""

    public: str
    identity: Path


def login_key(published: SshConfig, directory: Path, agent_socket: Path | None) -> LoginKey:
    """The agent's best key; ez's own, made where it is not there yet, without an agent or a key in it.

    `directory` is where ez keeps its OpenSSH files. Raises ConfigError where nothing can be written there, and where a
    key was made for the agent that is not in it now.
    """
    protected = directory / PROTECTED_KEY
    public = min(_agents_keys(agent_socket) or (), key=_rank, default=None)
    if public is None:
        if protected.exists():
            start = "" if agent_socket else 'eval "$(ssh-agent)" && '
            missing = f"the key that ez made for your SSH agent is not in it: `{protected}`"
            raise ConfigError(missing, f"{start}ssh-add {protected}")
        path, own = published.client_key()
        return LoginKey(own, path)
    if key_blob(public) == _blob_of(protected):
        return LoginKey(public, protected)
    private_directory(directory)
    name = fingerprint(public).removeprefix("SHA256:").replace("/", "_").replace("+", "-")[:16]
    path = directory / f"agent-{name}.pub"
    write_atomic(path, f"{public}\n".encode(), 0o600)
    return LoginKey(public, path)


def wants_key(directory: Path, agent_socket: Path | None) -> bool:
    """Whether an agent runs that has no key for a machine, and none was made for it."""
    return not (directory / PROTECTED_KEY).exists() and _agents_keys(agent_socket) == []


def make_protected(directory: Path, agent_socket: Path, passphrase: str, environment: Mapping[str, str]) -> None:
    """Make an ed25519 key, encrypted by `passphrase` on the disk, and give it to the agent.

    Raises ConfigError where the agent does not take it; nothing is kept then.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    _give(key.private_bytes(*form, serialization.NoEncryption()), agent_socket, environment)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    private_directory(directory)
    locked = key.private_bytes(*form, serialization.BestAvailableEncryption(passphrase.encode()))
    write_atomic(directory / f"{PROTECTED_KEY}.pub", public + b" ez\n", 0o600)
    write_atomic(directory / PROTECTED_KEY, locked, 0o600)


def _give(private: bytes, agent_socket: Path, environment: Mapping[str, str]) -> None:
    """Through a pipe: neither a file nor a command line ever has it in clear."""
    settings = {**environment, "SSH_AUTH_SOCK": str(agent_socket)}
    try:
        done = subprocess.run(
            ["ssh-add", "-q", "-"], input=private, env=settings, capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"the SSH agent was not given a key: {error}", "ssh-keygen, then ssh-add") from error
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()[:200]
        raise ConfigError(f"the SSH agent does not take a key: `{told}`", "ssh-keygen, then ssh-add")


def _blob_of(protected: Path) -> bytes:
    try:
        return key_blob(protected.with_name(f"{protected.name}.pub").read_text())
    except (OSError, ValueError, HostKeyError):
        return b""


def _agents_keys(socket: Path | None) -> list[str] | None:
    """The public lines of its keys that every cloud takes, None where no agent answers."""
    if socket is None:
        return None
    try:
        agent = PersonAgent(socket)
    except (OSError, paramiko.SSHException):
        return None
    try:
        keys = agent.get_keys()
    finally:
        agent.close()
    return [f"{key.get_name()} {key.get_base64()}" for key in keys if key.get_name() in _TAKEN]


def _rank(public: str) -> int:
    return _TAKEN.index(public.split()[0])
