"""Find environments and computers by what a person typed, connect to them, and run OpenSSH for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.session import Session
from ez.config import Settings
from ez.errors import EzError, UsageError
from ez.events import Sink
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.ssh.config import SshConfig
    from ez.ssh.host import Host


def ssh_config(run: Session) -> SshConfig:
    """The OpenSSH configuration that ez publishes for this person."""
    from ez.ssh.config import SshConfig

    settings = run.settings
    return SshConfig(settings.ssh_config, settings.ssh_config.parent / "ez", environment=settings.environment)


def open_computer(run: Session, computer: Computer) -> Host:
    return open_endpoint(run.settings, computer, run.sink)


def open_endpoint(settings: Settings, computer: Computer, sink: Sink) -> Host:
    """Connect to a computer with this person's OpenSSH configuration and agent."""
    from ez.ssh.connect import open_host

    return open_host(
        computer.name,
        computer.endpoint,
        environment=_programs_environment(settings, computer),
        home=settings.directories.home,
        agent_socket=settings.agent_socket,
        sink=sink,
        config_file=config_file(settings),
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


@contextmanager
def connect(run: Session, name: str) -> Iterator[Host]:
    """The computer of that name, connected while the block lasts."""
    from ez.compute.ensure import ensure

    host = open_computer(run, ensure(name, run.state))
    try:
        yield host
    finally:
        host.close()


@contextmanager
def connect_alone(run: Session, record: EnvironmentRecord) -> Iterator[Host]:
    """The environment's computer, with no other ez of this person at work on the environment."""
    from ez.env.lock import environment_lock

    with (
        environment_lock(run.settings.directories.locks, f"{record.computer}.{record.name}", run.sink),
        connect(run, record.computer) as host,
    ):
        yield host


def environment(run: Session, name: str | None, computer: str | None) -> EnvironmentRecord:
    """The environment a person means: by name, or the one of the current directory."""
    chosen = "local" if computer == "." else computer
    if name is not None:
        record = run.state.environment(name, chosen)
        if record is None:
            raise EzError(f"no environment `{name}`" + (f" on `{chosen}`" if chosen else ""), "ez env ls")
        return record
    here = str(Path.cwd())
    records = [item for item in run.state.environments(chosen) if item.repo_path == here]
    if len(records) == 1:
        return records[0]
    if records:
        where = ", ".join(item.computer for item in records)
        raise UsageError(f"this directory has environments on {where}", f"add -c {records[0].computer}")
    raise UsageError("which environment? this directory has none", "give its name; ez env ls lists them")


def exec_ssh(run: Session, record: EnvironmentRecord, words: Sequence[str]) -> int:
    """Run OpenSSH to the environment with this terminal; its exit code."""
    return _ssh(run, f"{record.name}.{record.computer}.ez", words)


def ssh_computer(run: Session, computer: Computer, words: Sequence[str]) -> int:
    return _ssh(run, f"ez-{computer.name}", words)


def _ssh(run: Session, alias: str, words: Sequence[str]) -> int:
    run.stop_progress()
    command = ["ssh", *ssh_config(run).arguments]
    try:
        return subprocess.run([*command, "--", alias, *words], check=False).returncode
    except FileNotFoundError as error:
        raise EzError("the OpenSSH client `ssh` is not on PATH", "install openssh-client") from error


def withdraw(run: Session, record: EnvironmentRecord) -> None:
    """Forget an environment on this computer: its alias, its pinned key and its place in the index."""
    ssh_config(run).withdraw_environment(record.name, record.computer)
    run.state.delete_environment(record.name, record.computer)


def publish_computer(run: Session, computer: Computer) -> None:
    """Make `ssh ez-NAME` reach a computer, as the person's own configuration reaches it."""
    from ez.ssh.resolve import resolve

    if isinstance(computer.endpoint, SshEndpoint):
        settings = run.settings
        resolved = resolve(
            computer.endpoint,
            environment=settings.environment,
            home=settings.directories.home,
            config_file=config_file(settings),
        )
        ssh_config(run).publish_computer(computer.name, resolved, computer.endpoint.host_keys)
