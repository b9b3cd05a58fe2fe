"""Find environments and computers by what a person typed, connect to them, and run OpenSSH for them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.endpoint import config_file, open_endpoint, ssh_config
from ez.cli.gates import close_gates
from ez.cli.keeping import again
from ez.cli.session import Session
from ez.errors import EzError, UsageError
from ez.models import Computer, SshEndpoint
from ez.state import EnvironmentRecord

if TYPE_CHECKING:
    from ez.ssh.host import Host


_PATIENCE = 3.0
"""Seconds for a machine's door to answer before its cloud is asked."""


def open_computer(run: Session, computer: Computer) -> Host:
    """Connect to it; a machine of a cloud may have to let this person in first, or to boot."""
    from ez.cli.cloud import cloud_context, machine_of

    record = machine_of(run, computer)
    if record is None:
        return open_endpoint(run.settings, computer, run.sink)
    from ez.compute.arrive import arrive

    return arrive(computer, record, cloud_context(run))


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
    from ez.compute.lock import named_lock

    with (
        named_lock(run.settings.directories.locks, f"{record.computer}.{record.name}", run.sink),
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
    let_in(run, record.computer)
    again(run, record.name, record.computer)
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


def let_in(run: Session, name: str) -> None:
    """OpenSSH knows nothing of doors and of machines that stop: where one of a cloud does not answer, find out why."""
    from ez.cli.cloud import cloud_context, machine_of

    computer = run.state.computer(name)
    record = machine_of(run, computer) if computer is not None else None
    if computer is None or record is None or not isinstance(computer.endpoint, SshEndpoint):
        return
    try:
        if not computer.endpoint.jump:
            socket.create_connection((computer.endpoint.host, computer.endpoint.port), _PATIENCE).close()
    except OSError:
        open_computer(run, computer).close()
        publish_computer(run, run.state.computer(name) or computer)
    else:
        from ez.compute.fence import move

        move(record, cloud_context(run))


def withdraw(run: Session, record: EnvironmentRecord) -> None:
    """Forget an environment on this computer: its alias, its pinned key and its place in the index."""
    from ez.env.shares.home import stop

    stop(run.settings, record.name, record.computer)
    close_gates(run, record.name, record.computer)
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
