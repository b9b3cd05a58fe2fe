"""How many calls are too many: token buckets, told in the headers that Azure tells them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .limits import Bucket
from .routing import Route
from .wire import ArmError, Call

# Azure Resource Manager's buckets, for each subscription and caller: size, and how many come back a second.
_MANAGER = {"reads": (250, 25), "writes": (200, 10), "deletes": (200, 10)}

# Those of Microsoft.Compute, for each resource: routes, size, and how many come back a second.
_COMPUTE = {
    "GetOperationResource": ("operations.compute", 45, 1.0),
    "PutVMResource": ("virtualMachines.create", 12, 0.2),
    "DeleteVMResource": ("virtualMachines.delete", 12, 0.2),
    "UpdateVMResource": ("virtualMachines.*", 12, 0.2),
}
_READS = ("virtualMachines.get", "virtualMachines.list*", "virtualMachines.view")


@dataclass
class Throttle:
    """`own`: routes (with `*`) -> a bucket of one's own, beside the usual ones."""

    hurry: float = 1
    """How many times faster than real the emulated cloud is."""
    own: dict[str, Bucket] = field(default_factory=dict)
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)

    def admit(self, route: Route, call: Call, subscription: str, now: float) -> Mapping[str, str]:
        """The headers that say what is left; 429 where it is too much."""
        kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(route.method, "writes")
        headers = {}
        bucket = self._bucket((kind, subscription, call.caller.object_id), *_MANAGER[kind])
        _take(bucket, now, "SubscriptionRequestsThrottled")
        headers[f"x-ms-ratelimit-remaining-subscription-{kind}"] = f"{bucket.left:.0f}"
        if policy := _policy(route.name):
            bucket = self._bucket((policy, call.path.lower()), *_COMPUTE[policy][1:])
            _take(bucket, now, "TooManyRequests")
            headers["x-ms-ratelimit-remaining-resource"] = f"Microsoft.Compute/{policy};{bucket.left:.0f}"
        for pattern, own in self.own.items():
            if fnmatchcase(route.name.lower(), pattern.lower()):
                _take(own, now, "TooManyRequests")
        return headers

    def _bucket(self, key: tuple[str, ...], size: float, refill: float) -> Bucket:
        return self._buckets.setdefault(key, Bucket(size, refill * self.hurry))


def _policy(name: str) -> str:
    if any(fnmatchcase(name, pattern) for pattern in _READS):
        return ""
    return next((policy for policy, (pattern, *_) in _COMPUTE.items() if fnmatchcase(name, pattern)), "")


def _take(bucket: Bucket, now: float, code: str) -> None:
    if wait := bucket.take(now):
        raise ArmError(429, code, f"The request is being throttled. Please retry after {wait:.0f} seconds.", after=wait)
