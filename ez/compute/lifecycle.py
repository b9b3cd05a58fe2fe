"""Start, stop, restart, resize and delete a machine of a cloud. What is done already is success.

Each of them first looks what became of work that was cut off, and does nothing to another person's machine unless that
was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from ez.compute.adopt import adopt
from ez.compute.attempts import Attempt, refusal_of
from ez.compute.context import CloudContext
from ez.compute.ensure import THIS_COMPUTER, ensure
from ez.compute.fence import fence
from ez.compute.kept import forget, keep, note_power
from ez.compute.sizes.cost import PAID
from ez.compute.unfinished import settle, sweep
from ez.errors import CapacityError, CloudError, EzError, SignInError, UsageError
from ez.events import step
from ez.providers.base import Door, Machine, Offer, Power, Provider, Resizable, Restartable
from ez.state import MachineRecord


@dataclass(frozen=True)
class Owned:
    """A machine that may be worked on: its record, its provider as the person whose machine it is, and whether that is
    another one than this."""

    record: MachineRecord
    provider: Provider
    foreign: bool = False


def start(name: str, cloud: CloudContext, *, force: bool = False) -> MachineRecord:
    """Have it run, with the door open for this person. Raises CapacityError where the cloud has no room for it now."""
    with _at_work(name, cloud, force=force) as found:
        # Before: where its fence stood till now may be the next minute.
        owned = replace(found, record=_fenced(found, found.record, cloud))
        with step(cloud.sink, "start", f"Start {name}") as report, _changing(owned, "starting", cloud):
            with ThreadPoolExecutor(1) as pool:
                opening = pool.submit(open_door, owned, cloud)
                machine = _with_room(owned, cloud, lambda: owned.provider.start(name, cloud.sink))
                source = opening.result()
            report.detail = machine.address
        return _kept(replace(owned, record=replace(owned.record, source=source)), machine, cloud)


def stop(name: str, cloud: CloudContext, *, force: bool = False) -> MachineRecord:
    """Have it cost no more than its disk and address, and let nobody in."""
    with _at_work(name, cloud, force=force) as owned, step(cloud.sink, "stop", f"Stop {name}"):
        with _changing(owned, "deallocating", cloud):
            machine = _known(owned, cloud, lambda: owned.provider.stop(name, cloud.sink))
        record = _kept(owned, machine, cloud)
        if isinstance(owned.provider, Door) and not record.private:
            owned.provider.admit(name, "")
            record = _kept(replace(owned, record=replace(record, source="")), machine, cloud)
        return record


def restart(name: str, cloud: CloudContext, *, force: bool = False) -> MachineRecord:
    with _at_work(name, cloud, force=force) as owned, step(cloud.sink, "restart", f"Restart {name}"):
        provider = owned.provider
        if not isinstance(provider, Restartable):
            raise UsageError(f"machines of {provider.key} are not restarted by ez: `{name}`", "ez compute ls")
        kept = _kept(owned, _known(owned, cloud, lambda: provider.restart(name, cloud.sink)), cloud)
        return _fenced(owned, kept, cloud)


def resize(name: str, offer: Offer, cloud: CloudContext, *, force: bool = False) -> MachineRecord:
    """Give it the size of `offer`, at its price. It is off for a while."""
    with _at_work(name, cloud, force=force) as owned, step(cloud.sink, "resize", f"Resize {name}") as report:
        provider, size = owned.provider, offer.size
        if not isinstance(provider, Resizable):
            raise UsageError(f"machines of {provider.key} are not resized by ez: `{name}`", "ez compute ls")
        machine = _with_room(owned, cloud, lambda: provider.resize(name, size, cloud.sink), offer)
        report.detail = size.name
        price = offer.spot_price if owned.record.spot else offer.price
        return _kept(replace(owned, record=replace(owned.record, size=size.name, price=price)), machine, cloud)


def delete(name: str, cloud: CloudContext, *, force: bool = False) -> MachineRecord | None:
    """Remove it and everything that was made for it; None where nothing was there."""
    with cloud.alone(name):
        owned = _find(name, cloud, force=force, record=cloud.state.machines.named(name))
        if owned is not None:
            owned = _learn(owned, cloud)
            with step(cloud.sink, "delete", f"Delete {name}"), _changing(owned, "deleting", cloud):
                if not owned.foreign:
                    cloud.state.machines.save(replace(owned.record, phase="leaving"))
                owned.provider.delete(name, cloud.sink)
                if not owned.foreign:
                    forget(owned.record, cloud)
        elif name in THIS_COMPUTER:
            _refuse(name, cloud)
        elif cloud.state.computer(name) is None and cloud.workspace("").provider:
            _delete_unknown(name, cloud)
        sweep(cloud)
        return owned.record if owned else None


def _delete_unknown(name: str, cloud: CloudContext) -> None:
    """Nobody knows of a machine; what bears its name, and a group in which nothing is left, go all the same."""
    workspace = cloud.workspace("")
    cloud.make(workspace.provider, cloud.state, workspace).delete(name, cloud.sink)


def find_machine(name: str, cloud: CloudContext) -> MachineRecord:
    """The record of a machine of a cloud, this person's or another's. Raises UsageError for any other computer."""
    record = cloud.state.machines.named(name)
    if record is None and cloud.state.computer(name) is None and name not in THIS_COMPUTER:
        found = adopt(name, cloud)
        record = found[0] if found else None
    return record or _refuse(name, cloud)


def open_door(owned: Owned, cloud: CloudContext) -> str:
    """Let this person's present address in and nobody else; gives it, empty where there is no door."""
    if not isinstance(owned.provider, Door) or owned.record.private:
        return ""
    source = cloud.address(owned.provider)
    owned.provider.admit(owned.record.name, source)
    return source


@contextmanager
def _at_work(name: str, cloud: CloudContext, *, force: bool) -> Iterator[Owned]:
    """Raises UsageError for a computer that is no machine of a cloud, or is another person's."""
    with cloud.alone(name):
        sweep(cloud)
        owned = _find(name, cloud, force=force, record=settle(name, cloud))
        if owned is None:
            _refuse(name, cloud)
        yield _learn(owned, cloud)


def _refuse(name: str, cloud: CloudContext) -> NoReturn:
    computer = ensure(name, cloud.state)
    what = "this computer" if computer.provider == "local" else "a machine of yours"
    raise UsageError(f"`{name}` is {what}: ez only uses it", "ez compute ls")


def _find(name: str, cloud: CloudContext, *, force: bool, record: MachineRecord | None) -> Owned | None:
    if record is not None:
        return Owned(record, cloud.provider(record))
    if cloud.state.computer(name) is not None or name in THIS_COMPUTER:
        return None
    found = adopt(name, cloud)
    if found is None:
        return None
    record, owner = found
    if owner and not force:
        raise UsageError(f"`{name}` is another person's: {owner}", "if that person agrees: add --force")
    return Owned(record, cloud.provider(record, owner=owner), bool(owner))


def _learn(owned: Owned, cloud: CloudContext) -> Owned:
    """It may have stopped by itself since ez last looked, and has cost less then."""
    record = owned.record
    if not record.made or owned.foreign:
        return owned
    machine = owned.provider.machine(record.name)
    if machine is None or machine.create_id != record.create_id:
        return owned
    note_power(record, machine, cloud)
    return replace(owned, record=replace(record, power=machine.power))


@contextmanager
def _changing(owned: Owned, power: Power, cloud: CloudContext) -> Iterator[None]:
    """From here on it costs as in `power`, whatever becomes of this process; where that fails, as it is then."""
    record, done = owned.record, {"starting": "running", "deallocating": "deallocated"}.get(power)
    if not record.made or owned.foreign or record.power == done:
        yield
        return
    cloud.state.machines.note_power(record.create_id, power, cloud.clock(), record.price)
    try:
        yield
    except EzError as error:
        _note_what_is(owned, error, cloud)
        raise


def _note_what_is(owned: Owned, error: EzError, cloud: CloudContext) -> None:
    """After a failure: as the cloud says. Where it does not answer, what may be paid for is taken to be so until the
    next look."""
    record = owned.record
    known = cloud.state.machines.of(record.create_id)
    if known is None or known.phase not in ("here", "leaving"):
        return
    silent = isinstance(error, SignInError) or getattr(error, "code", "") == "Unreachable"
    try:
        machine = None if silent else owned.provider.machine(record.name)
    except EzError:
        silent, machine = True, None
    if silent and record.power in PAID:
        cloud.state.machines.note_power(record.create_id, record.power, cloud.clock(), record.price)
    if machine is not None and machine.create_id == record.create_id:
        note_power(record, machine, cloud)


def _kept(owned: Owned, machine: Machine, cloud: CloudContext) -> MachineRecord:
    """Another person's machine is kept in that person's index alone."""
    if owned.foreign:
        return replace(owned.record, power=machine.power)
    return keep(owned.record, machine, cloud)


def _fenced(owned: Owned, record: MachineRecord, cloud: CloudContext) -> MachineRecord:
    """Another person's fence is left where it is."""
    return record if owned.foreign else fence(record, owned.provider, cloud)


def _with_room(owned: Owned, cloud: CloudContext, act: Callable[[], Machine], offer: Offer | None = None) -> Machine:
    """Remember where there was no room for another size."""
    try:
        return _known(owned, cloud, act)
    except CapacityError as error:
        record = owned.record
        if offer is not None:
            tried, now = Attempt(offer, record.zone), cloud.clock()
            cloud.state.machines.refuse(refusal_of(error, tried, record.workspace, spot=record.spot, now=now))
        raise CapacityError(
            f"no room for `{record.name}` now ({offer.size.name if offer else record.size} in {record.region}): "
            f"{error.message}",
            f"try again later, or take another size: ez compute resize {record.name}",
            code=error.code,
            blocks=error.blocks,
            minutes=error.minutes,
        ) from error


def _known(owned: Owned, cloud: CloudContext, act: Callable[[], Machine]) -> Machine:
    """Forget a machine that its cloud no longer has."""
    try:
        return act()
    except CloudError as error:
        if error.code == "NotFound" and not owned.foreign:
            forget(owned.record, cloud)
        raise
