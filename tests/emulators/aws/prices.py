"""AWS's price list for moto, which has none: the prices that ez ships with, in the shape of `GetProducts`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ez.providers.catalogue import shipped

TARGET = "AWSPriceListService.GetProducts"


def products(region: str) -> list[str]:
    return [
        _product(offer.size.name, region, offer.price, offer.dated)
        for offer in shipped("aws").offers
        if offer.region == region and offer.price is not None
    ]


def answers_prices(application: type[Any]) -> type[Any]:
    """moto's server that answers this one question by itself."""

    class WithPrices(application):  # type: ignore[misc]
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if environ.get("HTTP_X_AMZ_TARGET") != TARGET:
                found: Iterable[bytes] = super().__call__(environ, start_response)
                return found
            asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            region = next(each["Value"] for each in asked["Filters"] if each["Field"] == "regionCode")
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
            return [json.dumps({"FormatVersion": "aws_v1", "PriceList": products(region)}).encode()]

    return WithPrices


def _product(name: str, region: str, price: float, day: str) -> str:
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}
    attributes = {"instanceType": name, "regionCode": region}
    terms = {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}}
    return json.dumps({"product": {"attributes": attributes}, "terms": terms, "publicationDate": f"{day}T00:00:00Z"})
