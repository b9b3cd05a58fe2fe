"""What tests order."""

from __future__ import annotations

from typing import Any

from ez.providers.base import Offer, Order
from ez.providers.catalogue import known_size

DOCUMENT = "#cloud-config\n{}\n"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGho"


def order_of(provider: str, size: str, region: str, **changes: Any) -> Order:
    """An order for `gpu1` of ada's, changed by name."""
    known = known_size(provider, size)
    assert known is not None
    asked: dict[str, Any] = {
        "name": "gpu1",
        "owner": "ada",
        "create_id": "0123456789ab",
        "offer": Offer(known, region),
        "image": "",
        "user": "ez",
        "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh ada",
        "user_data": DOCUMENT,
        "host_keys": (HOST_KEY,),
        "source": "203.0.113.7/32",
    }
    return Order(**asked | changes)
