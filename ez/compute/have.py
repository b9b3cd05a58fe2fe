"""The computer that `ez env go` is told: found, started or made."""

from __future__ import annotations

from collections.abc import Callable

from ez.compute.adopt import adopt
from ez.compute.context import CloudContext
from ez.compute.ensure import THIS_COMPUTER, ensure
from ez.compute.kept import RUNS
from ez.compute.lifecycle import start
from ez.compute.unfinished import settle
from ez.errors import UsageError
from ez.models import Computer
from ez.state import MachineRecord

ON_ITS_WAY = (*RUNS, "creating")


def have(
    name: str, cloud: CloudContext, create: Callable[[], MachineRecord] | None, *, start_it: bool = True
) -> Computer:
    """The computer of that name, running as far as the index knows unless it need not be. `create` makes one that
    nobody has, None where that was not asked for. Raises what `ensure`, `start` and `create` raise; UsageError for
    another person's machine."""
    record = cloud.state.machines.named(name)
    if record is not None and record.phase != "here":
        with cloud.alone(name):
            record = settle(name, cloud)
    if record is None:
        record = _from_elsewhere(name, cloud, create)
    if record is None:
        return ensure(name, cloud.state)
    if start_it and record.power not in ON_ITS_WAY:
        start(name, cloud)
    return ensure(name, cloud.state)


def _from_elsewhere(name: str, cloud: CloudContext, create: Callable[[], MachineRecord] | None) -> MachineRecord | None:
    if name in THIS_COMPUTER or cloud.state.computer(name) is not None:
        return None
    found = adopt(name, cloud)
    if found is not None:
        record, owner = found
        if owner:
            hint = "choose another name" if create is not None else "ez compute ls"
            raise UsageError(f"`{name}` is another person's: {owner}", hint)
        return record
    return create() if create is not None else None
