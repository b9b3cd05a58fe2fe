"""What a machine has cost so far."""

import pytest

from ez.compute.sizes.cost import CostSoFar, Thing, cost_so_far
from ez.providers.base import Power
from ez.state import PowerChange

HOUR = 3600.0


def changes(*rows: tuple[float, Power]) -> tuple[PowerChange, ...]:
    return tuple(PowerChange(hours * HOUR, power, 2.0) for hours, power in rows)


@pytest.mark.parametrize(
    ("rows", "hours"),
    [
        ((), 0),
        (((0, "creating"),), 0),
        (((0, "creating"), (1, "running")), 9),
        (((0, "running"), (4, "deallocating"), (5, "deallocated")), 4),
        (((0, "running"), (4, "stopping"), (5, "stopped")), 10),
        (((0, "running"), (4, "stopped"), (6, "deallocated"), (8, "starting"), (9, "running")), 8),
        (((0, "running"), (3, "evicted")), 3),
        (((0, "running"), (3, "failed")), 3),
        (((0, "running"), (3, "deleting")), 3),
        (((0, "running"), (2, "unknown"), (3, "running")), 9),
        (((0, "running"), (20, "deallocated")), 10),
    ],
)
def test_a_machine_is_paid_for_while_it_has_its_cores(rows: tuple[tuple[float, Power], ...], hours: float) -> None:
    assert cost_so_far(changes(*rows), (), 10 * HOUR) == CostSoFar(2.0 * hours, 0, 0)


def test_disk_and_address_are_paid_for_from_first_to_last_whatever_the_machine_does() -> None:
    things = (
        Thing("disk", 73.0, 0, 5 * HOUR),
        Thing("disk", 73.0, 5 * HOUR),
        Thing("address", 7.3, 2 * HOUR),
        Thing("address", 7.3, 20 * HOUR),
    )
    found = cost_so_far(changes((0, "deallocated")), things, 10 * HOUR)
    assert (found.compute, found.disk, found.address) == pytest.approx((0, 1.0, 0.08))
    assert found.total == pytest.approx(1.08)


def test_a_price_that_nobody_knows_is_said_and_not_guessed() -> None:
    running = (PowerChange(0, "running", None), PowerChange(HOUR, "running", 3.0))
    assert cost_so_far(running, (), 2 * HOUR) == CostSoFar(3.0, 0, 0, unknown=True)
    assert cost_so_far((PowerChange(0, "deallocated", None),), (), HOUR) == CostSoFar(0, 0, 0)
    assert cost_so_far((), (Thing("disk", None, 0),), HOUR).unknown


def test_another_size_costs_its_own_price_from_then_on() -> None:
    found = cost_so_far((PowerChange(0, "running", 1.0), PowerChange(HOUR, "running", 4.0)), (), 1.5 * HOUR)
    assert found.compute == pytest.approx(3.0)
