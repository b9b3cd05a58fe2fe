"""The door of this room: from an endpoint to a `Host`, and from an unknown host to its key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ez.events import Sink, null_sink
from ez.models import Endpoint, LocalEndpoint, SshEndpoint
from ez.ssh.host import Host
from ez.ssh.local import AGENT_VARIABLE, LocalHost

if TYPE_CHECKING:
    from ez.ssh.resolve import Resolved


def open_host(
    name: str,
    endpoint: Endpoint,
    *,
    environment: Mapping[str, str],
    home: Path,
    agent_socket: Path | None = None,
    sink: Sink = null_sink,
    config_file: Path | None = None,
    timeout: float = 15,
) -> Host:
    """A connected `Host` for `endpoint`, called `name` in messages.

    `environment` is what programs on this computer get (`ssh -G`, proxies, local commands), `agent_socket` where
    the person's SSH agent listens, `config_file` replaces the person's OpenSSH configuration. Raises
    HostUnreachableError, HostKeyError or LoginError.
    """
    if isinstance(endpoint, LocalEndpoint):
        local = dict(environment) | ({AGENT_VARIABLE: str(agent_socket)} if agent_socket is not None else {})
        return LocalHost(environment=local, home=home, sink=sink)
    from ez.ssh.link import open_link
    from ez.ssh.remote import SshHost
    from ez.ssh.resolve import resolve

    resolved = resolve(endpoint, environment=environment, home=home, config_file=config_file)
    agent = _agent(resolved, agent_socket)
    connect = partial(
        open_link,
        name,
        resolved,
        endpoint.host_keys,
        environment=_with_agent(environment, agent_socket),
        agent_socket=agent,
        timeout=timeout,
    )
    return SshHost(name, connect, agent_socket=agent, sink=sink)


def scan_host_keys(
    endpoint: SshEndpoint,
    *,
    environment: Mapping[str, str],
    home: Path,
    agent_socket: Path | None = None,
    config_file: Path | None = None,
    timeout: float = 15,
) -> tuple[str, ...]:
    """The key that the host shows now, through its jump hosts, as OpenSSH public key lines; ed25519 if it has one.

    Nothing proves that it is the right one: a person has to confirm its fingerprint. Raises HostUnreachableError.
    """
    from ez.ssh.link import read_host_key
    from ez.ssh.resolve import resolve

    resolved = resolve(endpoint, environment=environment, home=home, config_file=config_file)
    return (read_host_key(resolved, environment=_with_agent(environment, agent_socket), timeout=timeout),)


def confirmed_host_keys(
    endpoint: SshEndpoint,
    *,
    environment: Mapping[str, str],
    home: Path,
    config_file: Path | None = None,
) -> tuple[str, ...]:
    """Keys of the host that the person confirmed before: those in the known_hosts files that OpenSSH would read."""
    from ez.ssh.hostkeys import known_host_keys
    from ez.ssh.resolve import resolve

    resolved = resolve(endpoint, environment=environment, home=home, config_file=config_file)
    return known_host_keys(resolved.key_name, 22, resolved.known_hosts, environment=environment)


def _agent(resolved: Resolved, agent_socket: Path | None) -> Path | None:
    if resolved.agent == "none":
        return None
    return Path(resolved.agent) if resolved.agent else agent_socket


def _with_agent(environment: Mapping[str, str], agent_socket: Path | None) -> dict[str, str]:
    """A jump host wants the agent too."""
    return dict(environment) | ({AGENT_VARIABLE: str(agent_socket)} if agent_socket is not None else {})
