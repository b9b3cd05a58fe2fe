"""Prices that were asked for: kept, read back, and left aside where they are damaged."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ez.compute.sizes.store import load, refresh
from ez.errors import CloudError, EzError
from ez.events import Event, Notice, Sink
from ez.providers.base import Offer, Priced, Size
from ez.providers.catalogue import shipped

DAY = "2026-11-22"
SIZE = Size("azure", "Standard_X1", 8, 32.0, "T4", 1, 16, "x86_64", "xFamily", ("V2",), True, "2027-01-01")
ASKED = [Offer(SIZE, "westeurope", 1.25, None, "", ("1", "3")), Offer(SIZE, "northeurope", None, 0.5, "2026-11-01")]


class Cloud(Priced):
    def __init__(self, *answers: list[Offer] | Exception) -> None:
        self.answers = list(answers)

    def offers(self, regions: Sequence[str], sink: Sink) -> list[Offer]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def said() -> list[Event]:
    return []


def test_what_was_asked_for_is_used_with_its_day(tmp_path: Path, said: list[Event]) -> None:
    done = refresh(Cloud(ASKED), "azure", ["westeurope"], tmp_path / "cache", said.append, day=DAY)
    assert done.regions == (("northeurope", 0), ("westeurope", 1))
    found = load("azure", tmp_path / "cache", said.append)
    assert found[:2] == (
        Offer(SIZE, "westeurope", 1.25, None, DAY, ("1", "3")),
        Offer(SIZE, "northeurope", None, 0.5, "2026-11-01", ()),
    )
    assert found[2:] == shipped("azure").offers
    assert load("aws", tmp_path / "cache", said.append) == shipped("aws").offers
    assert said == []


def test_a_region_that_is_asked_for_again_is_replaced_and_others_stay(tmp_path: Path, said: list[Event]) -> None:
    other = Offer(SIZE, "eastus", 9.0, None, DAY)
    cloud = Cloud(ASKED, [other], CloudError("throttled"), [])
    for _ in range(2):
        refresh(cloud, "azure", ["eastus"], tmp_path, said.append, day=DAY)
    for error in (CloudError, EzError):
        with pytest.raises(error):
            refresh(cloud, "azure", ["eastus"], tmp_path, said.append, day=DAY)
    found = load("azure", tmp_path, said.append)
    assert [offer for offer in found if offer.region == "eastus"] == [other]
    assert {offer.region for offer in found} >= {"westeurope", "northeurope", "westus3"}
    assert [path.name for path in tmp_path.iterdir()] == ["sizes-azure.json"]


GOOD = '{"version":1,"provider":"azure","sizes":[],"regions":{}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        GOOD[:-1],
        GOOD.replace("1", "2"),
        GOOD.replace('"azure"', '"aws"'),
        GOOD.replace("{}", '{"eastus":[["Standard_X1",1.0,null,"",[]]]}'),
        GOOD.replace("{}", '{"eastus":[["Standard_X1","cheap",null,"",[]]]}'),
        GOOD.replace("{}", "[1]"),
        "\x00" * 100,
        '{"version":1,' * 100_000,
    ],
    ids=range(11),
)
def test_a_damaged_file_is_told_of_and_not_used(text: str, tmp_path: Path, said: list[Event]) -> None:
    (tmp_path / "sizes-azure.json").write_text(text)
    assert load("azure", tmp_path, said.append) == shipped("azure").offers
    (event,) = said
    assert isinstance(event, Notice)
    assert (event.level, str(tmp_path) in event.text) == ("warning", True)


def test_a_price_below_nothing_is_damage(tmp_path: Path, said: list[Event]) -> None:
    refresh(Cloud([Offer(SIZE, "eastus", -1.0)]), "azure", ["eastus"], tmp_path, said.append, day=DAY)
    assert load("azure", tmp_path, said.append) == shipped("azure").offers
    assert len(said) == 1
