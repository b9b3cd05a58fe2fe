"""Which attempts at a machine are worth making, in which order, and why others are not; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ez.compute.sizes.misses import covers, refused
from ez.errors import CapacityError
from ez.models import Workspace
from ez.providers.base import Finding, Offer
from ez.state import Refusal


@dataclass(frozen=True)
class Attempt:
    """A size in a region, and in one zone of it where `zone` says so."""

    offer: Offer
    zone: str = ""

    @property
    def words(self) -> str:
        place = f"{self.offer.region}, zone {self.zone}" if self.zone else self.offer.region
        return f"{self.offer.size.name} in {place}"


def hindrance(attempt: Attempt, *, spot: bool, findings: Iterable[Finding], refusals: Iterable[Refusal]) -> str:
    """Why not to make it, empty where nothing speaks against it."""
    for finding in findings:
        if any(covers(block, attempt.offer, attempt.zone) for block in finding.blocks):
            return finding.words
    refusal = refused(attempt.offer, attempt.zone, spot, refusals)
    return refusal.reason if refusal else ""


def refusal_of(error: CapacityError, attempt: Attempt, workspace: Workspace, *, spot: bool, now: float) -> Refusal:
    """What the cloud's answer to `attempt` says of later ones."""
    region, size, zone, only_spot = error.blocks
    if not (region or size or zone) and only_spot is None:
        region, size, zone, only_spot = attempt.offer.region, attempt.offer.size.name, attempt.zone or "-", spot
    until = now + 60 * error.minutes
    provider = attempt.offer.size.provider
    return Refusal(provider, workspace.account, region, size, zone, only_spot, until, because(error))


def because(error: CapacityError) -> str:
    """What the cloud says, without which machine it says it of."""
    doing, colon, words = error.message.partition(": ")
    return words if colon and doing.startswith("cannot ") else error.message


def fatal(findings: Sequence[Finding]) -> Finding | None:
    return next((finding for finding in findings if finding.fatal), None)
