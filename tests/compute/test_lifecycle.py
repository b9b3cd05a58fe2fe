"""Starting, stopping, resizing and deleting: twice is once, and other people's machines are left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ez.compute import lifecycle
from ez.compute.cleanup import find, remove
from ez.compute.have import have
from ez.compute.kept import forget
from ez.compute.listing import from_index, learn, look
from ez.compute.spent import spent
from ez.errors import CapacityError, CloudError, SignInError, UsageError
from ez.models import Computer, SshEndpoint
from ez.state import MachineRecord, State
from tests.compute.sky import LARGE, OFFERS, TEAM, Killed, Person, World
from tests.compute.test_create import create

ACTS: tuple[Callable[[Person], object], ...] = (
    lambda person: lifecycle.start("gpu1", person.cloud),
    lambda person: lifecycle.stop("gpu1", person.cloud),
    lambda person: lifecycle.restart("gpu1", person.cloud),
    lambda person: lifecycle.resize("gpu1", OFFERS[2], person.cloud),
    lambda person: lifecycle.delete("gpu1", person.cloud),
)


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Person]:
    world = World()
    with State(tmp_path / "ann.db", clock=lambda: world.now) as state:
        person = Person(state, world, tmp_path / "locks")
        create(person)
        world.calls.clear()
        yield person


@pytest.fixture
def bob(ann: Person, tmp_path: Path) -> Iterator[Person]:
    with State(tmp_path / "bob.db") as state:
        yield Person(state, ann.world, tmp_path / "bobs", replace(TEAM, owner="bob"))


def test_stopped_and_started(ann: Person) -> None:
    for _ in range(2):
        record = lifecycle.stop("gpu1", ann.cloud)
        assert (record.power, ann.world.door) == ("deallocated", {"gpu1": ""})
    ann.address = "198.51.100.9/32"
    for _ in range(2):
        record = lifecycle.start("gpu1", ann.cloud)
        assert (record.power, record.source, ann.world.door["gpu1"]) == ("running", ann.address, ann.address)
    told = [change.power for change in ann.state.machines.changes(record.create_id)]
    assert told == ["running", "deallocating", "deallocated", "starting", "running"]


def test_what_it_has_cost(ann: Person) -> None:
    ann.world.now += 3600
    lifecycle.stop("gpu1", ann.cloud)
    ann.world.now += 3600
    (row,) = [row for row in from_index(ann.cloud) if row.name == "gpu1"]
    record = ann.state.machines.named("gpu1")
    assert record is not None
    kept = spent(record, (), ann.world.now)
    assert row.cost == pytest.approx(0.5 + kept.disk + kept.address)
    assert kept.disk > 0
    lifecycle.delete("gpu1", ann.cloud)
    ann.world.now += 3600
    (gone,) = ann.state.machines.all("gone")
    assert spent(gone, ann.state.machines.changes(gone.create_id), ann.world.now).total == pytest.approx(row.cost)


@pytest.mark.parametrize("error", [SignInError("over"), CloudError("refused", code="ScopeLocked")])
@pytest.mark.parametrize("what", ["stop", "delete"])
def test_what_could_not_be_done_is_paid_for_as_before(ann: Person, what: str, error: Exception) -> None:
    ann.world.faults["delete.vm" if what == "delete" else what] = [error]
    with pytest.raises(type(error)):
        getattr(lifecycle, what)("gpu1", ann.cloud)
    record = ann.state.machines.named("gpu1")
    assert record is not None
    ann.world.now += 3600
    cost = spent(record, ann.state.machines.changes(record.create_id), ann.world.now)
    assert record.power == "running"
    assert cost.compute == pytest.approx(0.5)


@pytest.mark.parametrize("what", ["stop", "start", "restart", "delete"])
def test_a_stop_that_no_ez_saw_was_free(ann: Person, what: str) -> None:
    machine = ann.world.machines["gpu1"]
    ann.world.machines["gpu1"] = replace(machine, power="deallocated", since=ann.world.now)
    ann.world.now += 3600
    getattr(lifecycle, what)("gpu1", ann.cloud)
    record = next(one for one in ann.state.machines.all("here", "gone") if one.name == "gpu1")
    assert spent(record, ann.state.machines.changes(record.create_id), ann.world.now).compute == 0


def test_no_room_to_start(ann: Person) -> None:
    lifecycle.stop("gpu1", ann.cloud)
    ann.world.faults["start"] = [CapacityError("full", code="AllocationFailed")]
    with pytest.raises(CapacityError, match=r"no room for `gpu1` now .*: full") as raised:
        lifecycle.start("gpu1", ann.cloud)
    assert raised.value.hint == "try again later, or take another size: ez compute resize gpu1"


def test_another_size(ann: Person) -> None:
    record = lifecycle.resize("gpu1", OFFERS[2], ann.cloud)
    assert (record.size, record.price, ann.world.machines["gpu1"].size) == (LARGE.name, 3.6, LARGE.name)
    assert [change.price for change in ann.state.machines.changes(record.create_id)] == [0.5, 3.6]


def test_deleted_with_everything(ann: Person) -> None:
    ann.state.choose("computer", "gpu1")
    assert lifecycle.delete("gpu1", ann.cloud) is not None
    assert lifecycle.delete("gpu1", ann.cloud) is None
    assert ann.world.bare
    assert (ann.state.computers(), ann.state.chosen("computer")) == ((), "")


@pytest.mark.parametrize("act", ACTS)
def test_what_is_no_machine_of_a_cloud(ann: Person, act: Callable[[Person], object]) -> None:
    lifecycle.delete("gpu1", ann.cloud)
    ann.state.save_computer(Computer("gpu1", "byo", SshEndpoint("box.example")))
    if act is ACTS[-1]:
        assert act(ann) is None
    else:
        with pytest.raises(UsageError, match="`gpu1` is a machine of yours"):
            act(ann)
    assert ann.state.computer("gpu1") is not None


@pytest.mark.parametrize("act", ACTS)
def test_another_persons_machine(ann: Person, bob: Person, act: Callable[[Person], object]) -> None:
    before = ann.world.machines["gpu1"]
    with pytest.raises(UsageError, match="another person's: ann"):
        act(bob)
    assert ann.world.machines == {"gpu1": before}
    lifecycle.stop("gpu1", bob.cloud, force=True)
    assert ann.world.machines["gpu1"].power == "deallocated"
    lifecycle.delete("gpu1", bob.cloud, force=True)
    assert ann.world.bare
    assert bob.state.machines.all() == ()


@pytest.mark.parametrize("act", ACTS)
def test_killed_after_each_call(ann: Person, act: Callable[[Person], object]) -> None:
    """The same command again ends where it would have ended."""
    lifecycle.stop("gpu1", ann.cloud)
    ann.world.calls.clear()
    ended = 0
    for last in range(1, 5):
        ann.world.calls.clear()
        ann.world.last_call = last
        try:
            act(ann)
        except Killed:
            ended += 1
        ann.world.last_call = 0
        act(ann)
        record = ann.state.machines.named("gpu1")
        machine = ann.world.machines.get("gpu1")
        assert (record is None) == (machine is None)
        if record is None or machine is None:
            assert ann.world.bare
            create(ann)
        else:
            assert (record.power, record.size) == (machine.power, machine.size)
            assert len(ann.world.things) == 3
    assert ended


def test_a_deletion_that_was_cut_off_is_finished_by_any_command_that_names_it(ann: Person) -> None:
    ann.world.last_call = 2
    with pytest.raises(Killed):
        lifecycle.delete("gpu1", ann.cloud)
    ann.world.last_call = 0
    assert have_fails(ann)
    assert not ann.world.machines
    assert ann.state.machines.named("gpu1") is None


def have_fails(person: Person) -> bool:
    with pytest.raises(Exception, match="no such computer"):
        have("gpu1", person.cloud, None)
    return True


def test_go_starts_what_is_off_and_makes_what_nobody_has(ann: Person) -> None:
    lifecycle.stop("gpu1", ann.cloud)
    assert have("gpu1", ann.cloud, None).name == "gpu1"
    assert ann.world.machines["gpu1"].power == "running"
    ann.world.calls.clear()
    have("gpu1", ann.cloud, None)
    assert ann.world.calls == []
    assert have("gpu2", ann.cloud, lambda: made(ann)).name == "gpu2"


def made(person: Person) -> MachineRecord:
    return create(person, "gpu2").record


def test_a_machine_that_its_cloud_no_longer_has(ann: Person) -> None:
    ann.world.machines.clear()
    with pytest.raises(CloudError, match="no machine"):
        lifecycle.start("gpu1", ann.cloud)
    assert ann.state.computer("gpu1") is None


def test_listing_asks_once_and_learns(ann: Person, bob: Person) -> None:
    ann.world.machines["gpu1"] = replace(ann.world.machines["gpu1"], power="deallocated", since=ann.world.now + 600)
    ann.world.now += 3600
    ann.world.machines["old"] = replace(
        ann.world.machines["gpu1"], name="old", id="/vm/old", owner="", workspace="", create_id=""
    )
    told = look(ann.cloud)
    assert ann.world.calls == ["machines"]
    assert [(row.name, row.power) for row in told.rows] == [("local", ""), ("gpu1", "deallocated")]
    record = ann.state.machines.named("gpu1")
    assert record is not None
    assert spent(record, ann.state.machines.changes(record.create_id), ann.world.now).compute == pytest.approx(0.5 / 6)
    assert [row.name for row in look(ann.cloud, everything=True).rows] == ["local", "gpu1", "old"]
    assert [(row.name, row.owner) for row in look(bob.cloud).rows] == [("local", ""), ("gpu1", "ann")]


def test_a_machine_that_an_ez_was_killed_over_is_one_row(ann: Person) -> None:
    record = ann.state.machines.named("gpu1")
    assert record is not None
    ann.state.machines.save(replace(record, phase="ordered", id="", made=0))
    ann.world.machines["gpu1"] = replace(ann.world.machines["gpu1"], power="deleting")
    assert [(row.name, row.power) for row in look(ann.cloud).rows] == [("local", ""), ("gpu1", "interrupted")]


def test_a_cloud_that_does_not_answer(ann: Person) -> None:
    ann.world.faults["machines"] = [CloudError("nobody answers")]
    told = look(ann.cloud)
    assert [row.power for row in told.rows] == ["", "running"]
    assert [problem.message for problem in told.problems] == ["nobody answers"]


def test_what_nobody_needs_is_found_and_removed(ann: Person, bob: Person) -> None:
    lone = replace(ann.world.things[0], name="lone", id="lone", create_id="elsewhere")
    ann.world.things += [lone, replace(lone, name="bobs", id="bobs", owner="bob")]
    assert find(ann.cloud).leftovers == ()  # It may be in the making.
    ann.world.now += 3600
    litter = find(ann.cloud)
    assert [[thing.name for thing in things] for things in (litter.leftovers, litter.others)] == [["lone"], ["bobs"]]
    assert remove(litter.leftovers, (), ann.cloud).removed == ("lone",)
    assert [thing.name for thing in ann.world.things if thing.name in ("lone", "bobs")] == ["bobs"]
    assert "gpu1" in ann.world.machines


def test_a_machine_whose_time_is_over(ann: Person) -> None:
    record = ann.state.machines.named("gpu1")
    assert record is not None
    ann.state.machines.save(replace(record, expires=ann.world.now + 10))
    assert find(ann.cloud).expired == ()
    ann.world.now += 11
    litter = find(ann.cloud)
    assert [each.name for each in litter.expired] == ["gpu1"]
    assert remove((), litter.expired, ann.cloud).removed == ("gpu1",)
    assert ann.world.bare


def test_a_machine_that_was_only_forgotten_is_taken_in_again(ann: Person) -> None:
    record = ann.state.machines.named("gpu1")
    assert record is not None
    forget(record, ann.cloud)
    assert [row.name for row in from_index(ann.cloud)] == ["local"]
    ann.world.now += 3600
    assert find(ann.cloud).leftovers == ()
    assert lifecycle.stop("gpu1", ann.cloud).power == "deallocated"
    assert lifecycle.delete("gpu1", ann.cloud) is not None
    assert ann.world.bare


@pytest.mark.parametrize("name", ["local", ".", "../../x", "gpu 1", "-oProxyCommand=x"])
def test_a_name_that_ez_would_not_give_is_not_taken_in(ann: Person, name: str) -> None:
    """Whoever may write tags can call a machine anything."""
    known = [row.name for row in from_index(ann.cloud)]
    (machine,) = ann.world.machines.values()
    ann.world.machines["other"] = replace(machine, name=name, id="other", create_id="feedfeedfeed")
    look(ann.cloud)
    assert [row.name for row in from_index(ann.cloud)] == known
    with pytest.raises(UsageError):
        lifecycle.delete(name, ann.cloud)


def test_a_listing_that_is_behind_changes_nothing(ann: Person) -> None:
    """Somebody has stopped the machine since the cloud was asked."""
    before = [*ann.world.machines.values()]
    records = ann.state.machines.all("here")
    lifecycle.stop("gpu1", ann.cloud)
    learn([*records], before, ann.cloud)
    record = ann.state.machines.named("gpu1")
    assert record is not None
    assert record.power == "deallocated"
