"""What the work with machines of clouds has at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from ez.compute.lock import named_lock
from ez.events import Sink
from ez.models import Computer, Workspace
from ez.names import check_name
from ez.providers.base import Offer, Provider
from ez.providers.registry import provider
from ez.ssh.host import Host
from ez.state import MachineRecord, State


@dataclass(frozen=True)
class CloudContext:
    """`workspace` gives the defaults for a provider. `offers` are the sizes known of one, without asking anybody.

    `confirm` asks the person and raises when refused. `login` gives the public line to let in and the file that logs in
    with it; `address` where this person comes from (`203.0.113.7/32`). `connect` opens a computer within some seconds.
    """

    state: State
    sink: Sink
    locks: Path
    workspace: Callable[[str], Workspace]
    offers: Callable[[str], Sequence[Offer]]
    confirm: Callable[[str], None]
    login: Callable[[], tuple[str, str]]
    address: Callable[[Provider], str]
    connect: Callable[[Computer, float], Host]
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    make: Callable[[str, State, Workspace], Provider] = provider

    def provider(self, record: MachineRecord, *, owner: str = "") -> Provider:
        """The one that made a machine, in its own workspace; as another person where that was agreed to."""
        workspace = replace(record.workspace, owner=owner) if owner else record.workspace
        return self.make(record.provider, self.state, workspace)

    def alone(self, name: str) -> AbstractContextManager[None]:
        """No other ez of this person works on the machine while the block lasts. Raises UsageError for what can be no
        name of one, BusyError."""
        return named_lock(self.locks, f"machine.{check_name('computer', name)}", self.sink)
