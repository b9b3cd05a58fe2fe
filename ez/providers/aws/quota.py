"""How AWS counts: classes of sizes, their quotas, and what of them is used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ez.providers.aws.account import Account
from ez.providers.aws.machines import Instance

_LETTERS = re.compile(r"[a-z]+", re.ASCII)


Counted = tuple[str, str, bool]
"""What a quota is of: region, class, and whether it is that of spot machines."""


@dataclass(frozen=True)
class Quota:
    """Processors of a class in a region that may run at once, and that do."""

    code: str
    limit: float
    used: int


def family_of(size: str) -> str:
    """The class of a size, empty for one that nobody knows: `g5.xlarge` -> `g`."""
    found = _LETTERS.match(size)
    return _classes().get(found[0], "") if found else ""


def code_for(family: str, spot: bool) -> str:
    """Of the class's quota in Service Quotas; empty where it has none."""
    return str(_rows().get(family, {}).get("spot" if spot else "on_demand") or "")


def limit(account: Account, region: str, family: str, *, spot: bool) -> float:
    """How many processors of the class may run in the region. Raises SignInError, CloudError."""
    with account.translated(f"cannot read the quotas of {region}"):
        quotas = account.client("service-quotas", region)
        answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code_for(family, spot))
    return float(answer["Quota"]["Value"])


def used(running: Iterable[Instance], family: str, *, spot: bool) -> int:
    """How many processors of the class these machines have."""
    return sum(_counts(found, family, spot) for found in running)


def _counts(found: Instance, family: str, spot: bool) -> int:
    if family_of(found["InstanceType"]) != family or (found.get("InstanceLifecycle") == "spot") != spot:
        return 0
    processors = found.get("CpuOptions", {})
    return int(processors.get("CoreCount", 0)) * int(processors.get("ThreadsPerCore", 1))


@cache
def _rows() -> dict[str, dict[str, object]]:
    import tomllib

    return tomllib.loads(files("ez.providers.aws").joinpath("quotas.toml").read_text(encoding="utf-8"))


@cache
def _classes() -> dict[str, str]:
    found = {}
    for name, row in _rows().items():
        letters = row["letters"]
        assert isinstance(letters, list)
        found.update(dict.fromkeys(letters, name))
    return found
