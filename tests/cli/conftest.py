"""A person without an agent or a computer of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.person import Person


@pytest.fixture
def person(home: Path) -> Person:
    return Person(home)
