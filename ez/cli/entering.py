"""Entering an environment that may not run: stopped by a person, by an idle rule, or with its computer."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from ez.cli.access import connect, connect_alone, exec_ssh
from ez.cli.keeping import again
from ez.cli.session import Session, confirm
from ez.errors import ContainerError, EzError, HostUnreachableError
from ez.state import EnvironmentRecord

LOST = 255
"""What OpenSSH exits with when a connection cannot be made, or is lost."""

_LONGEST_ENTRY = 20.0
"""Seconds: what ended later had been inside."""


def enter(run: Session, record: EnvironmentRecord, words: Sequence[str], *, yes: bool = False) -> int:
    """Run OpenSSH to the environment with this terminal; its exit code. One that is stopped is started if the person
    says so. Raises ContainerError where it stays stopped."""
    have_started(run, record, yes=yes)
    began = time.monotonic()
    code = exec_ssh(run, record, words)
    if code == LOST and time.monotonic() - began < _LONGEST_ENTRY:
        error = why_not_entered(run, record)
        if error is not None:
            raise error
    return code


def refuse_stopped(run: Session, record: EnvironmentRecord) -> None:
    """Raises ContainerError for what the index knows as stopped and its computer, too: a connection that is kept may
    not have noticed yet."""
    error = why_not_entered(run, record) if record.status != "running" else None
    if error is not None:
        raise error


def have_started(run: Session, record: EnvironmentRecord, *, yes: bool) -> None:
    """Start what the index knows as stopped, once the person has said so. Raises ContainerError where nobody can."""
    try:
        refuse_stopped(run, record)
        return
    except ContainerError as stopped:
        if not (yes or sys.stdin.isatty()):
            raise
        error = stopped
    from ez.env import manage

    run.stop_progress()
    confirm(f"{error.message}; start it now?", yes=yes)
    with connect_alone(run, record) as host:
        manage.start(host, record.name)
    run.state.save_environment(replace(record, status="running"))
    again(run, record.name, record.computer)


def why_not_entered(run: Session, record: EnvironmentRecord) -> ContainerError | None:
    """What its computer says of it: None where it runs, or where nobody can tell."""
    from ez.env import manage

    try:
        with connect(run, record.computer) as host:
            container = manage.inspect(host, record.name).container
    except EzError:
        return None
    if container is None:
        return ContainerError(
            f"`{record.name}` has no container on `{record.computer}` any more", "ez env ls --refresh"
        )
    with suppress(EzError):
        run.state.save_environment(replace(record, status=container.status))
    if container.status == "running":
        return None
    return ContainerError(f"`{record.name}` is stopped", f"ez env start {record.name}")


@contextmanager
def told_if_stopped(run: Session, record: EnvironmentRecord) -> Iterator[None]:
    """Have the block's HostUnreachableError say that the environment does not run, where that is why."""
    try:
        yield
    except HostUnreachableError as error:
        reason = why_not_entered(run, record)
        if reason is None:
            raise
        raise reason from error
