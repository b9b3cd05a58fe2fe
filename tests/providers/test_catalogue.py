"""The catalogues that ez ships with."""

import re
from itertools import pairwise

import pytest

from ez.compute.sizes.words import is_burstable, series
from ez.providers.base import Offer
from ez.providers.catalogue import (
    CATALOGUES,
    address_month,
    describe,
    disk_month,
    is_region,
    known_size,
    shipped,
    sizes,
    spread,
    zones_of,
)

DAY = re.compile(r"20\d\d-[01]\d-[0-3]\d")


@pytest.mark.parametrize("provider", CATALOGUES)
def test_every_row_can_be_true(provider: str) -> None:
    catalogue = shipped(provider)
    assert DAY.fullmatch(catalogue.dated)
    assert catalogue.sources
    places = [(offer.size.name, offer.region) for offer in catalogue.offers]
    assert len(set(places)) == len(places) >= 100
    for offer in catalogue.offers:
        size = offer.size
        assert size.cpus >= 1, size
        assert 0.5 <= size.memory / size.cpus <= 40, size
        assert bool(size.gpu) == bool(size.gpu_count) == bool(size.gpu_memory), size
        assert size.architecture in ("x86_64", "arm64"), size
        assert size.family, size
        assert offer.price is None or (0.001 < offer.price < 200 and DAY.fullmatch(offer.dated)), offer
        assert offer.spot_price is None or offer.price is None or offer.spot_price < offer.price, offer
        assert is_region(provider, offer.region), offer


@pytest.mark.parametrize("provider", CATALOGUES)
def test_in_a_series_more_costs_more(provider: str) -> None:
    """Catches a price that slipped by a row, or one that a list has twice too dear."""
    by_series: dict[tuple[str, str, float], list[Offer]] = {}
    for offer in shipped(provider).offers:
        if offer.price is not None:
            by_series.setdefault((offer.region, series(offer.size), offer.size.gpu_count), []).append(offer)
    for key, offers in by_series.items():
        offers.sort(key=lambda offer: (offer.size.cpus, offer.size.memory))
        for one, next_one in pairwise(offers):
            assert one.price is not None
            assert next_one.price is not None
            assert one.price <= next_one.price * 1.001, (one, next_one)
        if not offers[0].size.gpu and not is_burstable(offers[0].size):
            per_cpu = [(offer.price or 0) / offer.size.cpus for offer in offers]
            assert max(per_cpu) < 1.1 * min(per_cpu), key


def test_what_public_catalogues_have_wrong() -> None:
    by_name = {size.name: size for size in (*sizes("azure"), *sizes("aws"))}
    assert by_name["Standard_ND96isr_H100_v5"].gpu_count == 8
    h100 = by_name["Standard_NC40ads_H100_v5"]
    assert (h100.gpu, h100.gpu_memory) == ("H100-NVL", 94)
    assert by_name["Standard_NV6ads_A10_v5"].gpu_count == pytest.approx(1 / 6, abs=0.001)
    assert by_name["Standard_NC8ads_A10_v4"].gpu == "A10"
    assert by_name["Standard_NV4as_v4"].gpu_count == 0.125
    assert by_name["Standard_NC6s_v3"].retired == "2025-09-30"
    assert by_name["g6.xlarge"].gpu_memory == 24
    spot = [o for o in shipped("azure").offers if "H100" in o.size.name or "H200" in o.size.name]
    assert [offer.spot_price for offer in spot] == [None] * len(spot)


def test_a_size_as_the_cloud_lists_it_gets_what_no_list_tells() -> None:
    known = describe("azure", "Standard_NV6ads_A10_v5", cpus=6, memory=55, cards=1, family="F", generations=["V2"])
    assert (known.gpu, known.gpu_count, known.gpu_memory, known.family) == ("A10", 0.167, 4, "F")
    newer = describe("azure", "Standard_NC64as_T4_v9", cpus=64, memory=440, cards=4)
    assert (newer.gpu, newer.gpu_count, newer.gpu_memory) == ("T4", 4, 16)
    amazon = describe("aws", "g9.xlarge", cpus=4, memory=16, cards=0.25, card="L4", card_memory=22.4)
    assert (amazon.gpu, amazon.gpu_count, amazon.gpu_memory) == ("L4", 0.25, 6)
    a100 = describe("aws", "p9.48xlarge", cpus=96, memory=1152, cards=8, card="A100", card_memory=40)
    assert (a100.gpu, a100.gpu_memory) == ("A100-40GB", 40)
    assert describe("azure", "Standard_D2s_v9", cpus=2, memory=8).gpu == ""
    assert describe("azure", "Standard_NX1_v1", cpus=2, memory=8, cards=1, card="X", card_memory=7).gpu == "X"
    assert known_size("azure", "standard_nc4as_t4_v3") == known_size("azure", "Standard_NC4as_T4_v3")
    assert known_size("azure", "Standard_D2s_v9") is None


def test_a_region_of_which_nobody_knows_the_sizes_has_those_of_another() -> None:
    offers = shipped("azure").offers
    found = [offer for offer in spread(offers, ["eastus", "westeurope", "us-east-1"]) if offer.price_of]
    assert {offer.region for offer in found} == {"westeurope"}
    assert len(found) == len({offer.size.name for offer in offers if offer.price is not None})
    assert {offer.zones for offer in found} == {("1", "2", "3")} == {zones_of("azure", "westeurope")}
    assert zones_of("azure", "westus") == ()


@pytest.mark.parametrize(
    ("provider", "gib", "expected"),
    [("azure", 30, 5.28), ("azure", 128, 19.71), ("azure", 129, 38.02), ("azure", 2000, None), ("aws", 128, 10.24),
     ("byo", 128, None)],
)  # fmt: skip
def test_disks(provider: str, gib: int, expected: float | None) -> None:
    assert disk_month(provider, gib) == (expected if expected is None else pytest.approx(expected))


def test_a_provider_without_a_catalogue() -> None:
    assert (shipped("byo").offers, sizes("local"), address_month("byo")) == ((), (), None)
