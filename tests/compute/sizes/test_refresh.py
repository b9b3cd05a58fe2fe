"""Sizes and prices asked of a cloud: Azure's own lists, over HTTP, become what ez goes by."""

from pathlib import Path

import pytest

from tests.emulators.azure import Emulator
from tests.integration.person import Person


@pytest.fixture
def person(azure: Emulator, home: Path) -> Person:
    return Person(home, {"EZ_AZURE_ENDPOINT": azure.url})


def test_a_refresh_brings_todays_prices_and_the_zones_of_a_region(azure: Emulator, person: Person) -> None:
    words = ("compute", "sizes", "--gpu", ">=16GB", "--region", "westeurope", "--json", "--all")
    before = {row["size"]: row for row in person.ez(*words).json["sizes"]}
    assert {row["price_of"] for row in before.values()} == {"eastus", "southcentralus", "westus3"}
    asked = {row["size"]: row for row in person.ez(*words, "--refresh").json["sizes"]}
    calls = len(azure.log)
    after = {row["size"]: row for row in person.ez(*words).json["sizes"]}
    assert after == asked
    assert len(azure.log) == calls
    assert {row["price_of"] for row in after.values()} == {""}
    assert after["Standard_NC4as_T4_v3"]["price"] > before["Standard_NC4as_T4_v3"]["price"]
    for name in before.keys() & after.keys():
        for key in ("gpu", "gpu_count", "gpu_memory", "architecture"):
            assert after[name][key] == before[name][key], name
