"""What is asked for to what is offered: each case is a row of tests/cases/sizes."""

from dataclasses import replace

import pytest

from ez.compute.sizes.choose import alternatives, choose, menu
from ez.compute.sizes.need import Cards, SizeNeed
from ez.compute.sizes.words import series
from ez.errors import UsageError
from ez.providers.base import Offer
from ez.providers.catalogue import shipped, sizes
from ez.state import Refusal
from scripts.lib.sizes_cases import NOW, Case, answered, cases

CASES = cases()
AZURE = shipped("azure").offers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert answered(case) == case.expected


def test_there_are_enough_cases_and_no_two_are_the_same() -> None:
    assert len(CASES) >= 40
    assert len({(case.ask, case.cuda, case.refused, case.now) for case in CASES}) == len(CASES)


def test_the_menu_shows_one_of_each_kind() -> None:
    kinds = [(offer.size.gpu, offer.size.gpu_count) for offer in menu(choose(SizeNeed(cards=Cards()), AZURE, now=NOW))]
    assert len(set(kinds)) == len(kinds) >= 6
    nothing_said = menu(choose(SizeNeed(provider="azure"), AZURE, now=NOW))
    assert {offer.size.cpus for offer in nothing_said if not offer.size.gpu} == {4, 8, 16}
    assert {"T4", "A100-80GB"} <= {offer.size.gpu for offer in nothing_said}
    assert [offer.price for offer in nothing_said] == sorted(offer.price or 0 for offer in nothing_said)


def test_what_is_tried_after_the_one_that_was_agreed_to_is_never_much_dearer() -> None:
    choice = choose(SizeNeed(cards=Cards(memory=16)), AZURE, now=NOW)
    for first in choice.ranked[:8]:
        tried = [offer for offer, _ in alternatives(choice, first)]
        assert tried[0] == first
        assert all((offer.price or 0) <= 1.5 * (first.price or 0) for offer in tried)


def test_a_size_that_is_to_be_given_up_is_offered_until_then() -> None:
    size = replace(AZURE[0].size, name="Standard_X1", retired="2027-01-31")
    offers = [Offer(size, "eastus", 1.0)]
    assert choose(SizeNeed(size="Standard_X1"), offers, now=NOW).best.size == size
    with pytest.raises(UsageError, match="retired on 2027-01-31"):
        assert choose(SizeNeed(size="Standard_X1"), offers, now=NOW + 200 * 86400).best


def test_no_order_of_offers_changes_the_answer() -> None:
    need = SizeNeed(cards=Cards(memory=24), regions=("westeurope", "eastus"))
    one, other = choose(need, AZURE, now=NOW), choose(need, AZURE[::-1], now=NOW)
    assert (one.ranked, one.left_out, one.notes) == (other.ranked, other.left_out, other.notes)


def test_the_first_region_is_taken_unless_another_is_much_cheaper() -> None:
    size = next(offer.size for offer in AZURE if offer.size.name == "Standard_D4s_v5")
    need = SizeNeed(size=size.name, regions=("westeurope", "eastus"))
    for price, region in ((1.1, "westeurope"), (1.6, "eastus")):
        choice = choose(need, [Offer(size, "eastus", 1.0), Offer(size, "westeurope", price)], now=NOW)
        assert (choice.best.region, menu(choice)[0].region) == (region, region)
        assert choice.ranked[0].region == "eastus"


def test_a_refusal_counts_for_a_size_or_its_family_in_any_letters() -> None:
    need = SizeNeed(cards=Cards("T4"))
    best = choose(need, AZURE, now=NOW).best
    for name in (best.size.name.upper(), best.size.family.lower()):
        refusal = Refusal("azure", "", "EastUS", name, "", None, NOW + 60, "no")
        assert best not in choose(need, AZURE, [refusal], now=NOW).ranked
    spot = Refusal("azure", "", "eastus", best.size.name, "", True, NOW + 60, "no")
    assert best in choose(need, AZURE, [spot], now=NOW).ranked


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("Standard_NC4as_T4_v3", "NCas_T4_v3"),
        ("Standard_NV36adms_A10_v5", "NVadms_A10_v5"),
        ("Standard_D8s_v5", "Ds_v5"),
        ("g4dn.xlarge", "g4dn"),
    ],
)
def test_series(size: str, expected: str) -> None:
    found = next(one for key in ("azure", "aws") for one in sizes(key) if one.name == size)
    assert series(found) == expected


def test_nothing_is_chosen_of_nothing() -> None:
    with pytest.raises(UsageError, match="no size fits"):
        assert choose(SizeNeed(cpus=2), [], now=NOW).best
