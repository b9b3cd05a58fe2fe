"""Reach computers with this person's OpenSSH configuration and agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.session import Session
from ez.config import Settings
from ez.events import Sink
from ez.models import Computer, LocalEndpoint

if TYPE_CHECKING:
    from ez.ssh.config import SshConfig
    from ez.ssh.host import Host


def ssh_config(run: Session) -> SshConfig:
    """The OpenSSH configuration that ez publishes for this person."""
    from ez.ssh.config import SshConfig

    settings = run.settings
    return SshConfig(settings.ssh_config, settings.ssh_config.parent / "ez", environment=settings.environment)


def open_endpoint(settings: Settings, computer: Computer, sink: Sink, seconds: float = 15) -> Host:
    """Connect to a computer with this person's OpenSSH configuration and agent; each of the steps to that may take so
    many seconds."""
    from ez.ssh.connect import open_host

    return open_host(
        computer.name,
        computer.endpoint,
        environment=_programs_environment(settings, computer),
        home=settings.directories.home,
        agent_socket=settings.agent_socket,
        sink=sink,
        config_file=config_file(settings),
        timeout=seconds,
    )


def _programs_environment(settings: Settings, computer: Computer) -> Mapping[str, str]:
    """What programs on this computer get: with it docker's own finds the engine that ez finds."""
    if not isinstance(computer.endpoint, LocalEndpoint):
        return settings.environment
    from ez.build.engines.discover import docker_environment

    return docker_environment(settings.environment, settings.directories.home)


def config_file(settings: Settings) -> Path | None:
    """The OpenSSH configuration where it is not the one that OpenSSH reads by itself; one not yet made is empty."""
    if not settings.text("ssh.config"):
        return None
    return settings.ssh_config if settings.ssh_config.exists() else Path("/dev/null")
