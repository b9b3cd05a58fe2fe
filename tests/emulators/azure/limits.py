"""What there is not enough of: quota by family and region, capacity by size and zone, restricted sizes, calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .catalogue import Size, sizes
from .faults import LATER, codes
from .wire import ArmError, conflict

CORES, SPOT_CORES, MACHINES = "cores", "lowPriorityCores", "virtualMachines"
_DISPLAY = {CORES: "Total Regional Cores", SPOT_CORES: "LowPriorityCores"}


@dataclass(frozen=True)
class Use:
    """A machine as limits count it. `runs`: it has its place on a host, so it takes of the capacity."""

    size: Size
    region: str
    zone: str
    spot: bool
    runs: bool


@dataclass(frozen=True)
class Shortage:
    """`free` machines may run; empty fields and None stand for all. `error` is the code instead of the usual one."""

    size: str = ""
    region: str = ""
    zone: str | None = None
    spot: bool | None = None
    free: int = 0
    error: str = ""

    def covers(self, size: str, region: str, zone: str, spot: bool) -> bool:
        return (
            self.size.lower() in ("", size.lower())
            and self.region in ("", region)
            and self.zone in (None, zone)
            and self.spot in (None, spot)
        )


@dataclass(frozen=True)
class Restriction:
    """A size that the subscription may not use in a region, or in `zones` of it."""

    size: str
    region: str
    zones: tuple[str, ...] = ()
    reason: str = "NotAvailableForSubscription"


@dataclass
class Limits:
    """`quota`: (region, name) -> limit, where it is not the usual one; region `` for all."""

    quota: dict[tuple[str, str], int] = field(default_factory=dict)
    usual: int = 100
    shortages: list[Shortage] = field(default_factory=list)
    restrictions: list[Restriction] = field(default_factory=list)
    addresses: int = 1000

    def limit(self, region: str, name: str) -> int:
        usual = 25000 if name == MACHINES else self.usual
        lowered = name.lower()
        return self.quota.get((region, lowered), self.quota.get(("", lowered), usual))

    def usage(self, uses: Iterable[Use], region: str) -> dict[str, int]:
        """How much of each is taken; machines that are deallocated count too."""
        found = {CORES: 0, SPOT_CORES: 0, MACHINES: 0, **{size.family: 0 for size in sizes().values()}}
        for use in uses:
            if use.region != region:
                continue
            found[MACHINES] += 1
            for name in (SPOT_CORES,) if use.spot else (CORES, use.size.family):
                found[name] += use.size.cpus
        return found

    def check_quota(self, uses: Iterable[Use], wanted: Use) -> None:
        """409 where one more of `wanted` is too much."""
        used = self.usage(uses, wanted.region)
        for name in (SPOT_CORES,) if wanted.spot else (wanted.size.family, CORES):
            limit = self.limit(wanted.region, name)
            if used[name] + wanted.size.cpus > limit:
                raise _exceeded(name, wanted.region, limit, used[name], wanted.size.cpus)

    def check_restrictions(self, wanted: Use) -> None:
        for one in self.restrictions:
            if one.size.lower() == wanted.size.name.lower() and one.region == wanted.region:
                if one.zones and wanted.zone not in one.zones:
                    continue
                raise _not_available(wanted)

    def shortage(self, uses: Iterable[Use], wanted: Use) -> ArmError | None:
        """What an attempt to get a host for `wanted` ends with; status 200 where that is told later."""
        for one in self.shortages:
            if not one.covers(wanted.size.name, wanted.region, wanted.zone, wanted.spot):
                continue
            taken = [use for use in uses if use.runs and one.covers(use.size.name, use.region, use.zone, use.spot)]
            if len(taken) >= one.free:
                return _lacking(one, wanted)
        return None


def _lacking(shortage: Shortage, wanted: Use) -> ArmError:
    usual = "SkuNotAvailable" if wanted.spot else "ZonalAllocationFailed" if wanted.zone else "AllocationFailed"
    code = shortage.error or usual
    return ArmError(200, code, codes()[code].message) if code in LATER else _not_available(wanted)


def _not_available(wanted: Use) -> ArmError:
    where = f"location '{wanted.region}'" + (f" zone '{wanted.zone}'" if wanted.zone else "")
    return conflict(
        "SkuNotAvailable",
        "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: "
        f"{wanted.size.name}' is currently not available in {where}. Please try another size or deploy to a different "
        "location or different zone. See https://aka.ms/azureskunotavailable for details.",
    )


def _exceeded(name: str, region: str, limit: int, used: int, more: int) -> ArmError:
    return conflict(
        "OperationNotAllowed",
        f"Operation could not be completed as it results in exceeding approved {_DISPLAY.get(name, f'{name} Cores')} "
        f"quota. Additional details - Deployment Model: Resource Manager, Location: {region}, Current Limit: {limit}, "
        f"Current Usage: {used}, Additional Required: {more}, (Minimum) New Limit Required: {used + more}. Setup "
        f"Alerts "
        "when Quota reaches threshold. Learn more at https://aka.ms/quotamonitoringalerting . Submit a request for "
        "Quota increase at https://aka.ms/ProdportalCRP/#blade/Microsoft_Azure_Capacity/UsageAndQuota.ReactView",
    )


class Bucket:
    """Calls of one kind: `size` at once, `refill` more a second."""

    def __init__(self, size: float, refill: float) -> None:
        self.size, self.refill, self.left, self.at = size, refill, size, 0.0

    def take(self, now: float) -> float:
        """Seconds to wait until the next one, 0 where this one is allowed."""
        self.left = min(self.size, self.left + (now - self.at) * self.refill) if self.at else self.size
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0
        return (1 - self.left) / self.refill if self.refill else 60
