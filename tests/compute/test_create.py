"""Machines are made once, elsewhere where there is no room, and nothing is left of what was cut off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ez.compute.adopt import adopt
from ez.compute.create import Made, already, make
from ez.compute.idle import Idle
from ez.compute.machine_plan import Plan, plan, sizes_for
from ez.compute.self_stop import checked
from ez.compute.unfinished import LAG_SECONDS, sweep
from ez.errors import CapacityError, CloudError, UsageError
from ez.events import Notice
from ez.models import SshEndpoint, Workspace
from ez.providers.base import Finding, Machine, Offer, SelfStopping, Spot
from ez.state import State
from tests.compute.sky import LARGE, OFFERS, SMALL, TEAM, Killed, Person, Sky, World, wanted

NO_ROOM = CapacityError("no room", code="AllocationFailed", blocks=("westeurope", SMALL.name, "-", None))
NO_QUOTA = CapacityError("no quota", code="QuotaExceeded", blocks=("westeurope", SMALL.family, "", False))


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Person]:
    world = World()
    with State(tmp_path / "state.db", clock=lambda: world.now) as state:
        yield Person(state, world, tmp_path / "locks")


def planned(person: Person, name: str = "gpu1", **values: object) -> Plan:
    asked = wanted(name, **values)  # type: ignore[arg-type]
    choice = sizes_for(asked, person.cloud)
    return plan(asked, choice, choice.best, person.cloud)


def create(person: Person, name: str = "gpu1", **values: object) -> Made:
    return make(planned(person, name, **values), person.cloud)


def test_a_machine_is_made_and_known(ann: Person) -> None:
    made = create(ann)
    machine = ann.world.machines["gpu1"]
    computer = ann.state.computer("gpu1")
    assert computer is not None
    assert computer.endpoint == SshEndpoint("192.0.2.1", 22, "ez", "/home/ann/.ssh/ez/agent.pub", machine.host_keys)
    assert machine.host_keys[0].startswith("ssh-ed25519 ")
    assert (made.attempts, made.record.phase, made.record.price, made.record.create_id) == (
        1,
        "here",
        0.5,
        machine.create_id,
    )
    assert ann.world.door == {"gpu1": "203.0.113.7/32"}
    assert [change.power for change in ann.state.machines.changes(machine.create_id)] == ["running"]


def test_the_intent_is_there_before_the_first_billed_call_and_the_private_key_nowhere(
    ann: Person, tmp_path: Path
) -> None:
    ann.world.last_call = len(["check", "machine", "create.address"])
    with pytest.raises(Killed):
        create(ann)
    (record,) = ann.state.machines.all()
    assert (record.phase, record.name, record.size) == ("ordered", "gpu1", SMALL.name)
    assert record.create_id == ann.world.things[0].create_id
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"PRIVATE" not in held
    assert "PRIVATE" not in repr(ann.events)


def test_a_plan_costs_and_changes_nothing(ann: Person) -> None:
    found = planned(ann)
    assert (found.offer.region, found.zone, found.price, found.source) == ("westeurope", "", 0.5, "203.0.113.7/32")
    assert sorted(ann.world.calls) == ["check", "machine"]
    assert ann.state.machines.all() == ()


def test_a_spot_price_that_the_catalogue_lacks_is_asked_for(ann: Person) -> None:
    """It is that of the machine that is made, too; a cloud that does not tell it is no hindrance."""

    class Selling(Sky, Spot):
        def spot_price(self, offer: Offer) -> float | None:
            if ann.world.machines:
                raise CloudError("not now")
            return 0.125

    def make_it(key: str, state: State, workspace: Workspace | None) -> Sky:
        return Selling(ann.world, state, workspace or TEAM)

    unknown = [replace(offer, spot_price=None) for offer in OFFERS]
    cloud = replace(ann.cloud, make=make_it, offers=lambda provider: unknown)
    asked = wanted(spot=True)
    choice = sizes_for(asked, cloud)
    priced = plan(asked, choice, choice.best, cloud)
    assert priced.price == 0.125
    assert make(priced, cloud).record.price == 0.125
    assert plan(wanted("gpu2", spot=True), choice, choice.best, cloud).price is None


@pytest.mark.parametrize(
    ("idle", "told"),
    [
        (Idle(30, "deallocate", stops_in=600), "it may not"),
        (Idle(30, "deallocate", stops_in=600, failed="it said so"), "it said so"),
        (Idle(30, "suspend", stops_in=600), ""),
        (Idle(), ""),
    ],
)
def test_that_it_may_not_stop_itself_is_told_before(ann: Person, idle: Idle, told: str) -> None:
    class Forbidding(Sky, SelfStopping):
        def cannot_stop_itself(self, name: str) -> str:
            return "it may not"

    record = create(ann).record
    assert checked(idle, record, ann.cloud) == idle
    cloud = replace(ann.cloud, make=lambda key, state, workspace: Forbidding(ann.world, state, workspace or TEAM))
    assert checked(idle, record, cloud).failed == told
    assert checked(idle, None, cloud) == idle


def test_elsewhere_where_there_is_no_room(ann: Person) -> None:
    zones = [replace_zone(NO_ROOM, zone) for zone in ("1", "2")]
    ann.world.faults = {"create.vm": [NO_ROOM, *zones]}
    made = create(ann)
    assert (made.attempts, made.record.region, made.record.zone) == (4, "northeurope", "")
    told = [event.text for event in ann.events if isinstance(event, Notice)]
    assert told == [
        "Standard_NC4as_T4_v3 in westeurope: no room; looking elsewhere",
        "Standard_NC4as_T4_v3 in westeurope, zone 1: no room; looking elsewhere",
        "Standard_NC4as_T4_v3 in westeurope, zone 2: no room; looking elsewhere",
    ]
    assert {thing.create_id for thing in ann.world.things} == {made.record.create_id}
    assert ann.asked == ["Standard_NC4as_T4_v3 in northeurope costs 0.550 USD an hour instead of 0.500. Take it?"]


def replace_zone(error: CapacityError, zone: str) -> CapacityError:
    return CapacityError(error.message, code=error.code, blocks=(error.blocks[0], error.blocks[1], zone, None))


def test_where_there_was_no_room_is_not_tried_again_for_half_an_hour(ann: Person) -> None:
    ann.world.faults = {"create.vm": [NO_QUOTA]}
    assert create(ann).record.region == "northeurope"
    again = planned(ann, "gpu2")
    assert again.offer.region == "northeurope"
    ann.world.now += 30 * 60 + 1
    assert planned(ann, "gpu2").offer.region == "westeurope"


def test_nothing_is_left_to_try(ann: Person) -> None:
    ann.world.faults = {"create.vm": [NO_QUOTA, replace_region(NO_QUOTA)]}
    with pytest.raises(CapacityError, match=r"(?s)anywhere.*westeurope: no quota.*northeurope: no quota"):
        create(ann)
    assert ann.world.bare
    assert ann.state.computer("gpu1") is None


def replace_region(error: CapacityError) -> CapacityError:
    return CapacityError(error.message, blocks=("northeurope", *error.blocks[1:]))


def test_what_is_found_beforehand_is_not_tried(ann: Person) -> None:
    ann.world.findings = [Finding("Quota", "no quota left", "ask for more", (("westeurope", SMALL.family, ""),))]
    found = planned(ann)
    assert found.offer.region == "northeurope"
    assert found.skipped[0] == "Standard_NC4as_T4_v3 in westeurope: no quota left"
    ann.world.findings = [Finding("Registration", "not registered", "register it", fatal=True)]
    with pytest.raises(CloudError, match="not registered") as raised:
        planned(ann)
    assert raised.value.hint == "register it"
    assert "create.address" not in ann.world.calls


def test_another_failure_is_the_end_and_leaves_nothing(ann: Person) -> None:
    ann.world.faults = {"create.wait": [CloudError("policy", code="RequestDisallowedByPolicy")]}
    with pytest.raises(CloudError, match="policy"):
        create(ann)
    assert ann.world.bare


def test_what_a_failed_attempt_could_not_remove_is_removed_by_the_next_command(ann: Person) -> None:
    broken = CloudError("nobody answers")
    found = planned(ann)
    ann.world.faults = {"create.wait": [broken], "rollback": [broken], "machine": [broken]}
    with pytest.raises(CloudError, match="nobody answers"):
        make(found, ann.cloud)
    assert not ann.world.bare
    assert len(ann.state.machines.all("dead")) == 1
    assert create(ann).attempts == 1
    assert {thing.create_id for thing in ann.world.things} == {ann.world.machines["gpu1"].create_id}
    ann.world.now += LAG_SECONDS + 1
    sweep(ann.cloud)
    assert ann.state.machines.all("dead") == ()


def test_killed_after_each_call_and_then_the_same_command(tmp_path: Path) -> None:
    """Whatever happened, in the end there is one machine and nothing beside it."""
    calls = count_calls(tmp_path)
    assert calls == 6
    for last in range(1, calls + 1):
        world = World(last_call=last)
        with State(tmp_path / f"{last}.db", clock=lambda world=world: world.now) as state:  # type: ignore[misc]
            person = Person(state, world, tmp_path / "locks")
            with pytest.raises(Killed):
                create(person)
            world.last_call = 0
            if already(wanted(), person.cloud) is None:
                create(person)
            (machine,) = world.machines.values()
            record = state.machines.named("gpu1")
            assert record is not None
            assert (record.phase, record.create_id) == ("here", machine.create_id)
            assert {thing.create_id for thing in world.things} == {machine.create_id}
            computer = state.computer("gpu1")
            assert computer is not None
            assert isinstance(computer.endpoint, SshEndpoint)
            assert computer.endpoint.host_keys == machine.host_keys


def count_calls(tmp_path: Path) -> int:
    world = World()
    with State(tmp_path / "count.db") as state:
        create(Person(state, world, tmp_path / "locks"))
    return len(world.calls)


def test_two_runs_at_once_make_one(ann: Person) -> None:
    plans = [planned(ann) for _ in range(2)]
    made: list[Made] = []
    runs = [threading.Thread(target=lambda one=one: made.append(make(one, ann.cloud))) for one in plans]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    assert sorted(each.attempts for each in made) == [0, 1]
    assert len(ann.world.things) == 3


def test_the_same_command_again_finds_it(ann: Person) -> None:
    create(ann)
    found = already(wanted(), ann.cloud)
    assert found is not None
    with pytest.raises(UsageError, match="not as wanted") as raised:
        already(wanted(size=LARGE.name), ann.cloud)
    assert raised.value.hint == "ez compute resize gpu1, or choose another name"


def test_a_name_that_is_taken(ann: Person) -> None:
    ann.world.machines["gpu1"] = Machine("azure", "gpu1", "/vm/x", "running", SMALL.name, "westeurope", owner="bob")
    with pytest.raises(UsageError, match=r"is there already.*of bob"):
        planned(ann)


def test_a_name_that_was_taken_while_it_was_asked(ann: Person) -> None:
    found = planned(ann)
    theirs = Machine("azure", "gpu1", "/vm/x", "running", owner="ann", create_id="elsewhere", workspace="team")
    ann.world.machines["gpu1"] = theirs
    with pytest.raises(UsageError, match="is there already"):
        make(found, ann.cloud)
    assert ann.world.machines == {"gpu1": theirs}


def test_no_cloud_is_set_up(ann: Person) -> None:
    ann.workspace = Workspace()
    with pytest.raises(UsageError, match="no cloud is set up"):
        sizes_for(wanted(), ann.cloud)


def test_another_computer_has_the_name(ann: Person) -> None:
    create(ann)
    ann.state.delete_computer("gpu1")
    with pytest.raises(UsageError):
        sizes_for(replace(wanted(), name="../x"), ann.cloud)


def test_a_machine_of_a_lost_index_is_taken_in_again(ann: Person, tmp_path: Path) -> None:
    made = create(ann)
    with State(tmp_path / "new.db") as state:
        found = adopt("gpu1", replace(ann, state=state).cloud)
        computer = state.computer("gpu1")
    assert found is not None
    assert (found[0].create_id, found[0].host_keys, found[1]) == (made.record.create_id, made.record.host_keys, "")
    assert computer is not None
    assert isinstance(computer.endpoint, SshEndpoint)
    assert (computer.endpoint.host, computer.endpoint.user) == ("192.0.2.1", "ez")
