"""What the index keeps of a machine, brought up to date with what its cloud says."""

from __future__ import annotations

from dataclasses import replace

from ez.compute.context import CloudContext
from ez.models import Computer, SshEndpoint
from ez.providers.base import Machine
from ez.state import MachineRecord

RUNS = ("running", "starting")
_OFF = ("stopping", "stopped", "deallocating", "deallocated")


def keep(record: MachineRecord, machine: Machine, cloud: CloudContext) -> MachineRecord:
    """Remember that it is here, and how it is."""
    known = cloud.state.machines.of(record.create_id)
    found = replace(
        record,
        phase="here",
        lease=known.lease if known else record.lease,
        fenced=known.fenced if known else record.fenced,
        id=machine.id or record.id,
        region=machine.region or record.region,
        zone=machine.zone or record.zone,
        size=machine.size or record.size,
        power=machine.power,
        made=record.made or machine.created or cloud.clock(),
        expires=machine.expires or record.expires,
        user=record.user or machine.user,
        host_keys=record.host_keys or machine.host_keys,
    )
    computer = computer_of(found, machine, cloud)
    with cloud.state.transaction():
        if found != known:
            cloud.state.machines.save(found)
        if computer != cloud.state.computer(found.name):
            cloud.state.save_computer(computer)
        note_power(found, machine, cloud)
        if known is not None and known.power in RUNS and machine.power in _OFF:
            _nothing_runs(found.name, cloud)
    return found


def _nothing_runs(name: str, cloud: CloudContext) -> None:
    """A machine that stops itself stops its environments before, so that they do not come back with it."""
    for environment in cloud.state.environments(name):
        if environment.status == "running":
            cloud.state.save_environment(replace(environment, status="exited"))


def computer_of(record: MachineRecord, machine: Machine, cloud: CloudContext) -> Computer:
    """How it is reached. While it is off it keeps the address that it had."""
    known = cloud.state.computer(record.name)
    before = known.endpoint.host if known and isinstance(known.endpoint, SshEndpoint) else ""
    jump = record.workspace.jump if record.private else ""
    endpoint = SshEndpoint(
        machine.address or before or record.name, 22, record.user, record.identity or None, record.host_keys, jump
    )
    return Computer(record.name, record.provider, endpoint)


def note_power(record: MachineRecord, machine: Machine, cloud: CloudContext) -> None:
    """Write down since when it is in its power, as the cloud says it or, where that is silent, from now on."""
    at = machine.since or cloud.clock()
    cloud.state.machines.note_power(record.create_id, machine.power, at, record.price)


def forget(record: MachineRecord, cloud: CloudContext) -> None:
    """Nothing of it is left but what it has cost."""
    now = cloud.clock()
    with cloud.state.transaction():
        if record.made:
            cloud.state.machines.note_power(record.create_id, "deleted", now, None)
        cloud.state.machines.save(replace(record, phase="gone", power="", gone=now))
        known = cloud.state.computer(record.name)
        if cloud.state.machines.named(record.name) is None and known and known.provider == record.provider:
            cloud.state.delete_computer(record.name)
