"""All computers at once from the index, then what the clouds say of theirs: one list call for each account."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial

from ez.compute.adopt import Prices, prices_of, record_of
from ez.compute.context import CloudContext
from ez.compute.ensure import THIS_COMPUTER, all_computers
from ez.compute.kept import keep
from ez.compute.lock import named_lock
from ez.compute.spent import total_cost
from ez.compute.unfinished import LAG_SECONDS, ids_of, is_ours
from ez.errors import BusyError, EzError
from ez.events import null_sink
from ez.models import Computer, LocalEndpoint, Workspace
from ez.names import is_name
from ez.providers.base import Machine
from ez.state import MachineRecord


@dataclass(frozen=True)
class Listed:
    """A row of `ez compute ls --json`; `environments` are their names. Of a machine of a cloud: `power` as it is now,
    or was when it was last seen; `price` in US dollars an hour while it runs and `cost` so far, None if nobody knows;
    times are Unix seconds, `fence` when the cloud's own clock stops it next. `owner` is the person who made it, empty
    where ez did not."""

    name: str
    provider: str
    address: str
    environments: tuple[str, ...] = ()
    power: str = ""
    size: str = ""
    region: str = ""
    zone: str = ""
    spot: bool = False
    owner: str = ""
    workspace: str = ""
    price: float | None = None
    cost: float | None = None
    expires: float = 0.0
    lease: float = 0.0
    chosen: bool = False
    id: str = ""
    fence: float = 0.0


@dataclass(frozen=True)
class Told:
    """The rows with what the clouds say, and why those that say nothing do not."""

    rows: tuple[Listed, ...]
    problems: tuple[EzError, ...] = ()


def from_index(cloud: CloudContext) -> tuple[Listed, ...]:
    """Every computer that is known; nobody is asked."""
    state, now = cloud.state, cloud.clock()
    environments: dict[str, tuple[str, ...]] = {}
    for environment in state.environments():
        environments[environment.computer] = (*environments.get(environment.computer, ()), environment.name)
    chosen = state.chosen("computer")
    rows = {
        each.name: Listed(
            each.name, each.provider, place(each), environments.get(each.name, ()), chosen=each.name == chosen
        )
        for each in all_computers(state)
    }
    for record in state.machines.all("ordered", "here", "leaving"):
        known = rows.get(record.name) or Listed(record.name, record.provider, "")
        rows[record.name] = replace(
            known,
            power=record.power if record.phase == "here" else _unfinished(record, cloud),
            size=record.size,
            region=record.region,
            zone=record.zone,
            spot=record.spot,
            owner=record.workspace.owner,
            workspace=record.workspace.name,
            price=record.price,
            cost=total_cost(record, cloud),
            expires=record.expires,
            lease=record.lease if record.lease > now else 0.0,
            id=record.id,
            fence=record.fenced if record.fenced > now else 0.0,
        )
    return tuple(rows.values())


def _unfinished(record: MachineRecord, cloud: CloudContext) -> str:
    """Whether another ez is at it."""
    try:
        with named_lock(cloud.locks, f"machine.{record.name}", null_sink, wait=0):
            return "interrupted" if record.phase == "ordered" else "leaving"
    except BusyError:
        return "creating" if record.phase == "ordered" else "deleting"


def look(cloud: CloudContext, *, everything: bool = False) -> Told:
    """The same after asking the clouds, which brings the index up to date; with `everything` also machines of other
    workspaces and those that ez did not make."""
    found: list[Machine] = []
    problems: list[EzError] = []
    prices = cache(lambda provider: prices_of(cloud.offers(provider)))
    records = cloud.state.machines.all("ordered", "here", "leaving")
    for workspace, answer in _ask(_accounts(records, cloud), cloud):
        if isinstance(answer, EzError):
            problems.append(answer)
            continue
        found += answer
        with cloud.state.transaction():
            learn([one for one in records if account_of(one.workspace) == account_of(workspace)], answer, cloud)
            _take_in(answer, prices, cloud)
    rows = from_index(cloud)
    known = {row.id.lower() for row in rows if row.id}
    ours = ids_of(cloud.state.machines.all("ordered", "here", "leaving"))
    others = [
        _foreign(each, prices(each.provider))
        for each in found
        if each.id.lower() not in known and each.create_id not in ours
    ]
    here = cloud.workspace("").name
    return Told((*rows, *(row for row in others if everything or row.workspace == here)), tuple(problems))


def ask_again(record: MachineRecord, cloud: CloudContext) -> MachineRecord:
    """One machine as its cloud has it now; its power is `missing` where it has none. Raises CloudError."""
    machine = cloud.provider(record).machine(record.name)
    if machine is not None:
        return keep(record, machine, cloud)
    _miss(record, cloud)
    return replace(record, power="missing")


def asks_clouds(cloud: CloudContext) -> bool:
    """Whether there is any cloud to ask."""
    return bool(_accounts(cloud.state.machines.all("ordered", "here", "leaving"), cloud))


def place(computer: Computer) -> str:
    """How it is reached, for people."""
    endpoint = computer.endpoint
    if isinstance(endpoint, LocalEndpoint):
        return "this computer"
    port = f":{endpoint.port}" if endpoint.port != 22 else ""
    return f"{endpoint.user}@{endpoint.host}{port}" if endpoint.user else f"{endpoint.host}{port}"


def _accounts(records: Iterable[MachineRecord], cloud: CloudContext) -> list[Workspace]:
    """One workspace for each account that has to be asked."""
    here = cloud.workspace("")
    every = [*([here] if here.provider else []), *(record.workspace for record in records)]
    return list({account_of(workspace): workspace for workspace in reversed(every)}.values())


def account_of(workspace: Workspace) -> tuple[str, ...]:
    return (workspace.provider, workspace.endpoint, workspace.tenant, workspace.account, *workspace.regions)


def _ask(workspaces: list[Workspace], cloud: CloudContext) -> Iterable[tuple[Workspace, list[Machine] | EzError]]:
    def ask(workspace: Workspace) -> list[Machine] | EzError:
        try:
            return cloud.make(workspace.provider, cloud.state, workspace).machines()
        except EzError as error:
            return error

    if not workspaces:
        return []
    with ThreadPoolExecutor(len(workspaces)) as pool:
        return list(zip(workspaces, pool.map(ask, workspaces), strict=True))


def learn(records: list[MachineRecord], machines: list[Machine], cloud: CloudContext) -> None:
    """Bring the records up to date with what a list of their account says."""
    by_id = {machine.create_id: machine for machine in machines if machine.create_id}
    for record in records:
        machine = by_id.get(record.create_id)
        if machine is not None and (record.phase == "here" or (record.phase == "ordered" and is_ours(machine, record))):
            _when_nobody_works(record, cloud, partial(keep, record, machine, cloud))
        elif machine is None and record.phase == "here" and cloud.clock() - record.made > LAG_SECONDS:
            _when_nobody_works(record, cloud, partial(_miss, record, cloud))


def _when_nobody_works(record: MachineRecord, cloud: CloudContext, act: Callable[[], object]) -> None:
    """Not while another ez works on it, or has since the cloud was asked: that one knows better."""
    try:
        with named_lock(cloud.locks, f"machine.{record.name}", null_sink, wait=0):
            if cloud.state.machines.of(record.create_id) == record:
                act()
    except BusyError:
        pass


def _miss(record: MachineRecord, cloud: CloudContext) -> None:
    cloud.state.machines.note_power(record.create_id, "missing", cloud.clock(), None)


def _take_in(machines: list[Machine], prices: Callable[[str], Prices], cloud: CloudContext) -> None:
    """This person's machines that this index does not know. Whoever may write tags can make one look so."""
    here = cloud.workspace("")
    for machine in machines:
        ours = machine.workspace == here.name and machine.owner == here.owner and machine.provider == here.provider
        unknown = machine.create_id and cloud.state.machines.of(machine.create_id) is None
        named = is_name(machine.name) and machine.name not in THIS_COMPUTER
        free = named and cloud.state.computer(machine.name) is None and not cloud.state.machines.named(machine.name)
        if ours and unknown and free and machine.power not in ("failed", "deleting", "creating"):
            keep(record_of(machine, here, prices(machine.provider), cloud.clock()), machine, cloud)


def _foreign(machine: Machine, prices: Prices) -> Listed:
    address = f"{machine.user}@{machine.address}" if machine.user and machine.address else machine.address
    return Listed(
        machine.name,
        machine.provider,
        address,
        power=machine.power,
        size=machine.size,
        region=machine.region,
        zone=machine.zone,
        spot=machine.spot,
        owner=machine.owner,
        workspace=machine.workspace,
        price=prices.get((machine.size.lower(), machine.region, machine.spot)),
        expires=machine.expires,
        id=machine.id,
    )
