"""Where this person comes from, as the internet sees it: a machine of a cloud lets in nobody else."""

from __future__ import annotations

import ipaddress

from ez.errors import CloudError, UsageError
from ez.names import shown

_SECONDS = 5
_LONGEST = 100
_OTHERWISE = "ez config set network.address 203.0.113.7/32, with your own"


def parse_source(text: str) -> str:
    """`203.0.113.7` and `203.0.113.0/24` as a network; the whole internet is none. Raises UsageError."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise UsageError(f"not an address: `{shown(text)}`", "write it as 203.0.113.7 or 203.0.113.0/24") from error
    if network.prefixlen < 8:
        raise UsageError(f"that lets in nearly everybody: `{network}`", "name your own network")
    return str(network)


def public_address(service: str) -> str:
    """Asks a web address that answers with the address that the question came from. Raises CloudError."""
    import urllib.error
    import urllib.request

    if not service.startswith("https://"):
        raise CloudError(f"your address cannot be asked for there: `{shown(service)}`", _OTHERWISE)
    try:
        with urllib.request.urlopen(service, timeout=_SECONDS) as answer:
            text = answer.read(_LONGEST).decode("ascii", "replace")
        return parse_source(text)
    except (OSError, ValueError, UsageError) as error:
        raise CloudError(
            f"your public address is not known: `{service}` does not tell it ({error})", _OTHERWISE
        ) from error
