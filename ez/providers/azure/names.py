"""What the things of a workspace are called in Azure.

A machine has the computer's own name in the group of its workspace, so that Azure itself refuses a second one; what
belongs to it is named by the attempt too, since the network card of a failed attempt stays reserved for minutes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

ADDRESS = "ez:address"
"""A tag: the machine's address, public or in its network, which never changes: a listing needs no other call for it."""


@dataclass(frozen=True)
class Names:
    """Names of what one attempt makes. `label` is the first part of a DNS name, unique in its region."""

    group: str
    machine: str
    card: str
    address: str
    security: str
    disk: str
    label: str


def names(workspace: str, computer: str, create_id: str, subscription: str) -> Names:
    attempt = f"{computer}-{create_id}"
    unique = hashlib.sha256("\0".join((subscription, workspace, attempt)).encode()).hexdigest()[:10]
    return Names(
        group=group_name(workspace),
        machine=computer,
        card=f"{attempt}-nic",
        address=f"{attempt}-ip",
        security=f"{attempt}-nsg",
        disk=f"{attempt}-disk",
        label=f"ez-{computer[:40].rstrip('-')}-{unique}",
    )


def group_name(workspace: str) -> str:
    return f"ez-{workspace}"


def network_name(region: str) -> str:
    return f"ez-{region}"


def schedule_name(machine: str) -> str:
    """The only name that Azure takes for the schedule of a machine."""
    return f"shutdown-computevm-{machine}"


def moment(text: object) -> float:
    """Unix seconds of a time as Azure writes it (`2026-11-22T18:00:00.1234567+00:00`), 0 where it is none."""
    if not isinstance(text, str):
        return 0.0
    try:
        found = datetime.fromisoformat(text)
        return max(0.0, (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
