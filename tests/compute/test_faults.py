"""Errors of the catalogue and sudden deaths at calls of create, stop, start and delete: a part of the fault table,
spread over calls and errors. All of it: `python -m tests.compute.fault_table`."""

import pytest

from tests.compute.fault_table import OPERATIONS, cases, run

EVERY = 101


@pytest.mark.thorough
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_command_again_puts_everything_right(operation: str) -> None:
    failed = [run(case) for case in cases(operation, EVERY)]
    assert any(failed)
    assert len(failed) > 5
