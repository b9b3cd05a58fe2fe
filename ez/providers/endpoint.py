"""Addresses of a cloud's API that are not its usual one: another cloud, or an emulator on this computer."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from ez.errors import ConfigError
from ez.names import shown


def is_rehearsal(cloud: str, endpoint: str) -> bool:
    """Whether it is an emulator on this computer, without TLS. Raises ConfigError for any other address without TLS: a
    token, and a new machine's host key, would be readable on the way."""
    address = urlsplit(endpoint)
    if address.scheme == "https" and address.hostname:
        return False
    if address.scheme == "http" and is_loopback(endpoint):
        return True
    what = f"not an address for {cloud}: `{shown(endpoint)}`"
    raise ConfigError(what, "use https, or http to this computer (127.0.0.1)")


def is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
