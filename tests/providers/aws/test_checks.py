"""What is found before anything is made, and prices."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from ez.errors import SignInError
from ez.events import Event, Notice, null_sink
from ez.providers import catalogue
from ez.providers.aws import checks
from tests.emulators.aws import ARM, REGION
from tests.providers.aws.test_create import MAKES
from tests.providers.aws.values import ORDER, Made

OFFERS = [ORDER.offer]


def quota_of(value: float) -> dict[str, Any]:
    return {"Quota": {"Value": value, "QuotaCode": "L-DB2E81BA"}}


def test_nothing_speaks_against_it(made: Made) -> None:
    provider, faults = made
    faults.answer("GetServiceQuota", lambda asked: quota_of(8))
    found = provider.check(OFFERS, spot=False, image="")
    assert [(each.code, each.blocks) for each in found] == [
        ("Unsupported", ((REGION, "g4dn.xlarge", "us-east-1e"),)),
    ]
    assert faults.asked["RunInstances"]["DryRun"]
    assert not provider.machines()
    assert not set(MAKES[:-1]) & set(faults.calls)


def test_quota(made: Made) -> None:
    """What runs counts, and what is stopped does not; AWS that does not say is no reason against it."""
    provider, faults = made
    provider.create(ORDER, null_sink)
    processors = {"CpuOptions": {"CoreCount": 2, "ThreadsPerCore": 2}}
    faults.alter("DescribeInstances", lambda one: one | processors)
    faults.answer("GetServiceQuota", lambda asked: quota_of(7))
    (found,) = [each for each in provider.check(OFFERS, spot=False, image="") if each.code == "VcpuLimitExceeded"]
    assert found.blocks == ((REGION, "g4dn.xlarge", ""),)
    assert "needs 4 processors, and of your quota of 7 for the class `g` in us-east-1 4 are used" in found.words
    assert found.next.endswith("quotas/L-DB2E81BA?region=us-east-1")
    assert faults.asked["GetServiceQuota"] == {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
    assert provider.quota_left(ORDER.offer, spot=False) == 3
    assert provider.quota_left(ORDER.offer, spot=True) is None
    provider.stop("gpu1", null_sink)
    assert "VcpuLimitExceeded" not in {each.code for each in provider.check(OFFERS, spot=False, image="")}
    faults.answer("GetServiceQuota", lambda asked: quota_of(0))
    (found,) = [each for each in provider.check(OFFERS, spot=True, image="") if each.code == "VcpuLimitExceeded"]
    assert faults.asked["GetServiceQuota"]["QuotaCode"] == "L-3819A6DF"
    faults.refuse("GetServiceQuota", "AccessDeniedException")
    assert "VcpuLimitExceeded" not in {each.code for each in provider.check(OFFERS, spot=False, image="")}


@pytest.mark.parametrize(
    ("operation", "code", "words"),
    [
        ("RunInstances", "UnauthorizedOperation", "you may not do that in this account in us-east-1"),
        ("RunInstances", "OptInRequired", "has not agreed"),
        ("DescribeImages", "InvalidAMIID.NotFound", "no such image"),
    ],
)
def test_what_forbids_it(made: Made, operation: str, code: str, words: str) -> None:
    provider, faults = made
    faults.refuse(operation, code)
    (found,) = [each for each in provider.check(OFFERS, spot=False, image="") if each.code == code]
    assert words in found.words
    assert found.blocks == ((REGION, "", ""),)


def test_an_image_of_other_processors(made: Made) -> None:
    provider, _ = made
    (found,) = [each for each in provider.check(OFFERS, spot=False, image=ARM) if each.fatal]
    assert "is for arm64" in found.words


def test_a_region_without_the_size(made: Made) -> None:
    provider, faults = made
    faults.answer("DescribeInstanceTypeOfferings", lambda asked: {"InstanceTypeOfferings": []})
    (found,) = provider.check(OFFERS, spot=False, image="")
    assert found.blocks == ((REGION, "g4dn.xlarge", ""),)
    assert found.words == "us-east-1 has no `g4dn.xlarge`"


def test_nobody_is_signed_in(made: Made) -> None:
    provider, faults = made
    faults.refuse("RunInstances", "AuthFailure", status=401)
    with pytest.raises(SignInError):
        provider.check(OFFERS, spot=False, image="")


def test_checks_never_take_long(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    provider, faults = made
    monkeypatch.setattr(checks, "SECONDS", 0.3)
    answer = threading.Event()
    faults.answer("GetServiceQuota", lambda asked: quota_of(8 if answer.wait(30) else 0))
    provider.check(OFFERS, spot=False, image="")
    found = provider.check(OFFERS, spot=False, image="")
    answer.set()
    assert ["quota" in each.words for each in found if each.code == "NotInTime"] == [True]


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation"])
def test_who_may_not_look_may_make(made: Made, code: str) -> None:
    provider, faults = made
    for operation in ("DescribeInstances", "DescribeInstanceTypeOfferings", "DescribeAvailabilityZones"):
        faults.refuse(operation, code, times=9)
    assert provider.check(OFFERS, spot=False, image="") == []


def product(name: str, price: str, unit: str = "Hrs") -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": price}}
    terms = {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}
    attributes = {"instanceType": name}
    return json.dumps(
        {"product": {"attributes": attributes}, "terms": terms, "publicationDate": "2026-11-20T17:00:00Z"}
    )


def test_prices(made: Made) -> None:
    """Of what moto knows; it has no prices."""
    provider, faults = made
    listed = [
        product("g4dn.xlarge", "0.5260000000"),
        product("g4dn.2xlarge", "0"),
        product("g4dn.2xlarge", "7", "Quantity"),
        product("g4dn.2xlarge", "inf"),
        "not JSON",
        "[]",
    ]
    faults.answer("GetProducts", lambda asked: {"PriceList": listed})
    spot = [("g4dn.xlarge", "us-east-1a", "0.21"), ("g4dn.xlarge", "us-east-1b", "0.19")]
    history = [{"InstanceType": name, "AvailabilityZone": zone, "SpotPrice": price} for name, zone, price in spot]
    faults.answer("DescribeSpotPriceHistory", lambda asked: {"SpotPriceHistory": history})
    offers = {offer.size.name: offer for offer in provider.offers([REGION], null_sink)}
    known = offers["g4dn.xlarge"]
    assert (known.price, known.spot_price, known.dated) == (0.526, 0.19, "2026-11-20")
    assert "us-east-1b" in known.zones
    assert (known.size.gpu, known.size.cpus, known.size.family) == ("T4", 4, "g")
    assert (offers["g4dn.2xlarge"].price, offers["g4dn.2xlarge"].spot_price) == (None, None)
    assert not [name for name in offers if ".metal" in name]
    asked = {each["Field"]: each["Value"] for each in faults.asked["GetProducts"]["Filters"]}
    assert asked["regionCode"] == REGION


def test_without_the_right_to_read_prices_those_that_ez_ships_with_count(made: Made) -> None:
    provider, faults = made
    (kind,) = provider.account.ec2(REGION).describe_instance_types(InstanceTypes=["g4dn.xlarge"])["InstanceTypes"]
    faults.answer("DescribeInstanceTypes", lambda asked: {"InstanceTypes": [kind]})
    faults.answer("DescribeSpotPriceHistory", lambda asked: {"SpotPriceHistory": []})
    faults.refuse("GetProducts", "AccessDeniedException")
    told: list[Event] = []
    offers = {offer.size.name: offer for offer in provider.offers([REGION], told.append)}
    shipped = next(o for o in catalogue.shipped("aws").offers if (o.size.name, o.region) == ("g4dn.xlarge", REGION))
    assert (offers["g4dn.xlarge"].price, offers["g4dn.xlarge"].dated) == (shipped.price, shipped.dated)
    assert [event.level for event in told if isinstance(event, Notice)] == ["warning"]
