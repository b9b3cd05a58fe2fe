"""The plan of a machine's cost."""

from dataclasses import replace

import pytest

from ez.cli.compute_sizes import quote_rows
from ez.compute.need import GpuNeed
from ez.compute.sizes.fit import misfit
from ez.compute.sizes.quote import quote
from ez.providers.catalogue import shipped, sizes

T4 = next(offer for offer in shipped("azure").offers if offer.size.name == "Standard_NC4as_T4_v3")


def test_all_that_will_be_paid() -> None:
    found = quote(T4, disk=200, quota_left=12)
    assert (found.disk_month, found.address_month) == (38.02, 3.65)
    assert found.stopped_month == pytest.approx(41.67)
    assert found.day == pytest.approx(8 * 0.526 + 24 * 41.67 / 730)
    assert quote_rows(found) == [
        ("size", "Standard_NC4as_T4_v3: 4 CPUs, 28 GB, T4 16 GB"),
        ("region", "eastus (azure)"),
        ("price", "$0.526 an hour; as spot $0.063 (as of 2026-06-18)"),
        ("typical day", "$5.58 (8 hours of work, stopped for the rest)"),
        ("while stopped", "$41.67 a month: disk of 200 GB $38.02, address $3.65"),
        ("quota left", "12 CPUs of its kind"),
    ]


def test_spot_without_an_address_for_about_the_price_of_another_region() -> None:
    found = quote(replace(T4, region="westeurope", price_of="eastus"), disk=128, spot=True, private=True)
    rows = dict(quote_rows(found))
    assert rows["price"] == "$0.063 an hour as spot; on demand $0.526 (prices of eastus)"
    assert rows["while stopped"] == "$19.71 a month: disk of 128 GB $19.71"
    assert len(found.notes) == 2


def test_what_nobody_knows_stays_unknown() -> None:
    found = quote(replace(T4, price=None), disk=4096)
    assert (found.day, found.disk_month, found.stopped_month) == (None, None, None)
    assert dict(quote_rows(found))["while stopped"] == "? a month: disk of 4096 GB ?, address $3.65"


def test_every_card_of_the_catalogues_is_known_to_the_drivers_or_none_of_nvidia() -> None:
    new = GpuNeed(cuda=(99, 0), reason="x")
    cards = {size.gpu: size for key in ("azure", "aws") for size in sizes(key) if size.gpu}
    assert [gpu for gpu, size in cards.items() if misfit(size, new) is None] == []
    whole = [size for size in cards.values() if size.gpu_count >= 1 and not size.retired]
    refused = {size.gpu for size in whole if misfit(size, GpuNeed())}
    assert refused == {"MI300X"}


def test_a_card_that_is_too_old_for_what_an_environment_wants() -> None:
    v100 = next(offer.size for offer in shipped("aws").offers if offer.size.name == "p3.2xlarge")
    need = GpuNeed(cuda=(13, 0), reason="nvidia/cuda:13.0.1-base")
    refusal = misfit(v100, need)
    assert refusal is not None
    assert refusal.what == "CUDA 12.9 is the last for its Tesla V100 (Volta), and `nvidia/cuda:13.0.1-base` wants 13.0"
