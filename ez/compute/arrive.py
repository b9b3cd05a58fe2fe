"""Connect to a machine of a cloud: open its door where this person's address changed, and wait for its sshd where it
has just started."""

from __future__ import annotations

from dataclasses import replace

from ez.compute.context import CloudContext
from ez.compute.fence import move
from ez.compute.kept import RUNS, keep
from ez.errors import CloudError, HostError, HostUnreachableError
from ez.events import Notice
from ez.models import Computer
from ez.providers.base import Door, Machine
from ez.ssh.host import Host
from ez.state import MachineRecord

BOOT_SECONDS = 600.0
"""How long a machine may take from `running` to its first login: one with eight cards takes minutes."""

NOT_RUNNING = "NotRunning"
"""The code of the error for a machine that could be started."""

_SHORT, _LONG = 5.0, 15.0
_PAUSE = 2.0


def arrive(computer: Computer, record: MachineRecord, cloud: CloudContext) -> Host:
    """Raises CloudError for a machine that does not run, the HostError of the last try for one that cannot be entered.

    Nothing is asked of the cloud where it answers at once.
    """
    if record.power in RUNS:
        try:
            host = cloud.connect(computer, _SHORT)
            move(record, cloud)
            return host
        except HostUnreachableError:
            pass
        except HostError:
            if not _is_young(record, cloud):
                raise
    machine, computer = _look(computer, record, cloud)
    _open(record, cloud)
    move(record, cloud)
    started, told = machine.since or machine.created, ""
    while True:
        try:
            return cloud.connect(computer, _LONG)
        except HostError as error:
            if cloud.clock() - started > BOOT_SECONDS or not started:
                raise
            if told != error.message:
                told = error.message
                cloud.sink(Notice(f"waiting for `{computer.name}` to boot: {told}"))
        cloud.pause(_PAUSE)


def _is_young(record: MachineRecord, cloud: CloudContext) -> bool:
    """At its first boot sshd may answer before it has the key and the login that it was made with."""
    return cloud.clock() - record.made < BOOT_SECONDS


def _look(computer: Computer, record: MachineRecord, cloud: CloudContext) -> tuple[Machine, Computer]:
    machine = cloud.provider(record).machine(record.name)
    if machine is None:
        raise CloudError(f"its cloud no longer has it: `{record.name}`", f"ez compute delete {record.name}")
    kept = keep(record, machine, cloud)
    if machine.power not in RUNS:
        what = f"`{record.name}` does not run: it is {machine.power}"
        raise CloudError(what, f"ez compute start {record.name}", code=NOT_RUNNING)
    return machine, cloud.state.computer(kept.name) or computer


def _open(record: MachineRecord, cloud: CloudContext) -> None:
    """The address may have changed, of a laptop above all."""
    provider = cloud.provider(record)
    if not isinstance(provider, Door) or record.private:
        return
    source = cloud.address(provider)
    provider.admit(record.name, source)
    known = cloud.state.machines.of(record.create_id)
    if known is not None and source != known.source:
        cloud.sink(
            Notice(f"`{record.name}` now lets in {source}" + (f" instead of {known.source}" if known.source else ""))
        )
        cloud.state.machines.save(replace(known, source=source))
