"""The codes of the catalogue in turn, one at each call of each verb: what it means is said, nothing is made twice or
left, and the same command works afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, cycle

import pytest

from ez.errors import CloudError
from ez.events import null_sink
from ez.providers.aws.errors import catalogue
from ez.providers.aws.provider import Aws
from tests.emulators.aws import Faults
from tests.providers.aws.values import NOTHING, ORDER, Made, left

# Names of botocore's classes are no answers of AWS.
CODES = [code for code in catalogue() if not code.endswith(("Error", "ProfileNotFound", "other"))]


def refusals(faults: Faults, work: Callable[[], object]) -> Iterator[int]:
    """`work` done with one call of it refused, then with the next one, as long as there are so many; their numbers."""
    for number, code in zip(count(1), cycle(CODES), strict=False):
        faults.refuse_call(number, code)
        error = failure(work)
        if not faults.is_spent:
            faults.refuse_call(0, "")
            assert error is None
            return
        assert error is None or error.code in error.message or error.code == "Timeout"
        yield number


def failure(work: Callable[[], object]) -> CloudError | None:
    try:
        work()
    except CloudError as error:
        return error
    return None


@pytest.mark.thorough
def test_create(made: Made) -> None:
    provider, faults = made
    ids = (f"{number:012x}" for number in count(1))
    cases = 0
    for number in refusals(faults, lambda: provider.create(replace(ORDER, create_id=next(ids)), null_sink)):
        cases = number
        assert len(provider.machines()) <= 1
        provider.delete("gpu1", null_sink)
        assert left(provider) == NOTHING
    assert len(provider.machines()) == 1
    assert cases >= 20


VERBS: list[tuple[str, str, Callable[[Aws], object]]] = [
    ("start", "running", lambda provider: provider.stop("gpu1", null_sink)),
    ("stop", "deallocated", lambda provider: provider.start("gpu1", null_sink)),
    ("restart", "running", lambda provider: None),
]


@pytest.mark.parametrize(("verb", "power", "before"), VERBS)
def test_power(made: Made, verb: str, power: str, before: Callable[[Aws], object]) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    before(provider)
    cases = 0
    for number in refusals(faults, lambda: getattr(provider, verb)("gpu1", null_sink)):
        cases = number
        assert getattr(provider, verb)("gpu1", null_sink).power == power
        before(provider)
    assert cases >= 3


@pytest.mark.thorough
def test_delete(made: Made) -> None:
    provider, faults = made
    ids = (f"{number:012x}" for number in count(1))
    cases = 0
    provider.create(replace(ORDER, create_id=next(ids)), null_sink)
    for number in refusals(faults, lambda: provider.delete("gpu1", null_sink)):
        cases = number
        provider.delete("gpu1", null_sink)
        assert left(provider) == NOTHING
        provider.create(replace(ORDER, create_id=next(ids)), null_sink)
    assert cases >= 15
