"""The second fence and the end of a machine's time: where they stand, and what moves them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ez.compute import lifecycle
from ez.compute.adopt import adopt
from ez.compute.create import make
from ez.compute.fence import Term, due, move
from ez.compute.idle import parse
from ez.compute.listing import ask_again
from ez.compute.machine_plan import Plan, Wanted, plan, sizes_for
from ez.compute.term import kept_until
from ez.events import Notice
from ez.state import EnvironmentRecord, MachineRecord, State
from tests.compute.rehearsal import CHEAP, Rehearsal, rehearsal
from tests.emulators.azure import Emulator

HOUR, DAY = 3600.0, 86_400.0
NOON = 20_000 * DAY + 12 * HOUR


@pytest.mark.parametrize(
    ("term", "daily", "hours"),
    [
        (Term(30), "", 23.5),
        (Term(0), "", None),
        (Term(30), "never", None),
        (Term(0), "1900", 7),
        (Term(30, NOON + 3 * DAY), "0900", 21),
        (Term(0, NOON + 8 * HOUR), "", 8 + 1 / 6),
        (Term(30, NOON + 8 * HOUR, NOON + 10 * HOUR), "", 10 + 1 / 6),
        (Term(30, NOON + 3 * DAY), "", None),
        (Term(30, 0, NOON + 4 * HOUR), "", 23.5),
        (Term(30, 0, NOON + 3 * DAY), "", None),
        (Term(0, NOON - HOUR), "", 23.5),
    ],
)
def test_where_it_stands(term: Term, daily: str, hours: float | None) -> None:
    at = due(term, daily, NOON)
    assert at == (0 if hours is None else pytest.approx(NOON + hours * HOUR))
    assert due(term, daily, NOON, by_default=False) == (at if daily else 0)


@pytest.fixture
def ann(azure: Emulator, tmp_path: Path) -> Iterator[Rehearsal]:
    with rehearsal(azure, tmp_path) as person:
        yield person


def record(ann: Rehearsal) -> MachineRecord:
    found = ann.state.machines.named("gpu1")
    assert found is not None
    return found


def planned_for(wanted: Wanted, ann: Rehearsal) -> Plan:
    choice = sizes_for(wanted, ann.cloud)
    return plan(wanted, choice, choice.best, ann.cloud)


def power(ann: Rehearsal, hours: float) -> str:
    """Of the machine, so many hours later."""
    ann.azure.advance(hours * HOUR)
    ann.azure.advance(60)
    return ann.azure.machine("gpu1").power


def test_it_is_there_without_being_asked_for_and_moves_with_the_work(ann: Rehearsal) -> None:
    ann.create()
    for _ in range(2):
        assert power(ann, 20) == "running"
        move(record(ann), ann.cloud)
    before = len(ann.azure.log)
    move(record(ann), ann.cloud)
    assert len(ann.azure.log) == before
    ann.state.save_environment(EnvironmentRecord("hello", "gpu1", status="running"))
    assert power(ann, 23.6) == "deallocated"
    assert ask_again(record(ann), ann.cloud).power == "deallocated"
    (environment,) = ann.state.environments("gpu1")
    assert environment.status == "exited"
    lifecycle.start("gpu1", ann.cloud)
    assert power(ann, 20) == "running"
    lifecycle.delete("gpu1", ann.cloud)
    assert ann.azure.count() == 0


def test_the_end_of_its_time(ann: Rehearsal) -> None:
    planned = planned_for(Wanted("gpu1", CHEAP, seconds=8 * HOUR), ann)
    assert planned.fence - ann.azure.clock.now() == pytest.approx(8 * HOUR + 600, abs=60)
    made = make(planned, ann.cloud).record
    kept = kept_until(made, ann.azure.clock.now() + 10 * HOUR, ann.cloud)
    assert (kept.expires, kept.expires > made.expires) == (int(kept.lease), True)
    machine = ann.cloud.provider(kept).machine("gpu1")
    assert machine is not None
    assert machine.expires == kept.expires
    assert power(ann, 10) == "running"
    assert power(ann, 0.3) == "deallocated"
    kept_until(record(ann), ann.azure.clock.now() + 3 * DAY, ann.cloud)
    lifecycle.start("gpu1", ann.cloud)
    assert power(ann, 47) == "running"
    move(record(ann), ann.cloud)
    assert record(ann).fenced == 0
    assert power(ann, 12) == "running"
    move(record(ann), ann.cloud)
    assert power(ann, 13.5) == "deallocated"


def test_what_cannot_be_set_is_told_and_not_tried_each_time(ann: Rehearsal) -> None:
    ann.azure.deny("Microsoft.DevTestLab/schedules/write")
    assert ann.create().power == "running"
    (told,) = [event.text for event in ann.events if isinstance(event, Notice) and "own clock" in event.text]
    assert "azure's own clock for `gpu1` is not set: " in told
    calls = len(ann.azure.log)
    move(record(ann), ann.cloud)
    assert (len(ann.azure.log), record(ann).fenced < 0) == (calls, True)


def test_a_machine_that_was_taken_in_again_stops_as_it_was_made_to(ann: Rehearsal, tmp_path: Path) -> None:
    wanted = Wanted("gpu1", CHEAP, idle_minutes=0, seconds=2 * DAY, private=True)
    made = make(planned_for(wanted, ann), ann.cloud).record
    with State(tmp_path / "new.db") as state:
        found = adopt("gpu1", replace(ann, state=state).cloud)
    assert found is not None
    again = found[0]
    assert (again.idle_minutes, again.private, again.expires) == (0, True, int(made.expires))
    assert again.host_keys == made.host_keys


STATUS = "now=1000\nset_minutes={}\nset_action=deallocate\nends={}\nuptime={}\nidle_seconds=60\nstops_in=\n{}"


@pytest.mark.parametrize(
    ("minutes", "ends", "uptime", "more", "told"),
    [
        (30, "", 500, "", (30, 0, 30 * 60 - 60 + 300)),
        (30, "1200", 500, "", (30, 1200, 200)),
        (0, "1200", 500, "", (0, 1200, 200)),
        (0, "1200", 500, "lease=1500", (0, 1500, 500)),
        (0, "900", 500, "", (0, 900, 0)),
        (0, "400", 500, "", (30, 0, 30 * 60 - 60 + 300)),
        (0, "", 500, "", (0, 0, None)),
    ],
)
def test_what_a_watchdog_says_of_its_end(minutes: int, ends: str, uptime: int, more: str, told: object) -> None:
    idle = parse(STATUS.format(minutes, ends, uptime, more))
    assert (idle.minutes, idle.until, idle.stops_in) == told
