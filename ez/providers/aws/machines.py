"""What EC2 says of machines, as values of `ez.providers.base`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ez.providers.aws.account import Account, filters, pages, tagged
from ez.providers.base import Machine, Power
from ez.providers.tags import Marks, marks_of

Instance = dict[str, Any]

_POWERS: dict[str, Power] = {
    "pending": "starting",
    "running": "running",
    "stopping": "deallocating",
    "stopped": "deallocated",
    "shutting-down": "deleting",
    "terminated": "deleting",
}
_ALIVE = ("pending", "running", "stopping", "stopped", "shutting-down")
_EVICTED = frozenset({"Server.SpotInstanceShutdown", "Server.SpotInstanceTermination"})
_SINCE = re.compile(r"\((\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) (?:GMT|UTC)\)", re.ASCII)


def alive(account: Account, region: str, **marks: str) -> list[Instance]:
    """The region's instances with these tags that have not ended, in one call (1,000 of them in each page)."""
    asked = [*filters(instance_state_name=_ALIVE), *tagged(**marks)]
    with account.translated(f"cannot list the machines of {region}"):
        found = pages(account.ec2(region), "describe_instances", Filters=asked, PaginationConfig={"PageSize": 1000})
        return list(_instances(found))


def instance(account: Account, region: str, id: str) -> Instance | None:
    """One instance; None where EC2 does not know it, which may also be since it is too new."""
    from botocore.exceptions import ClientError

    from ez.providers.aws.errors import is_gone

    with account.translated(f"cannot look at `{id}`"):
        try:
            return next(_instances([account.ec2(region).describe_instances(InstanceIds=[id])]), None)
        except ClientError as error:
            if is_gone(error):
                return None
            raise


def power_of(found: Instance) -> Power:
    power = _POWERS.get(state_of(found), "unknown")
    return "evicted" if power == "deallocated" and reason_of(found) in _EVICTED else power


def state_of(found: Instance) -> str:
    return str(found.get("State", {}).get("Name", ""))


def reason_of(found: Instance) -> str:
    """Why it came into its state, as `Client.UserInitiatedShutdown`."""
    return str(found.get("StateReason", {}).get("Code", ""))


def tags_on(thing: dict[str, Any]) -> dict[str, str]:
    """EC2 calls them otherwise on network cards."""
    return {tag["Key"]: tag.get("Value", "") for tag in thing.get("Tags", thing.get("TagSet", ())) if "Key" in tag}


def marks(found: Instance) -> Marks:
    return marks_of(tags_on(found))


def machine(found: Instance, region: str) -> Machine:
    said = marks(found)
    return Machine(
        "aws",
        said.computer or tags_on(found).get("Name") or found["InstanceId"],
        found["InstanceId"],
        power_of(found),
        size=found.get("InstanceType", ""),
        region=region,
        zone=found.get("Placement", {}).get("AvailabilityZone", ""),
        address=_address(found),
        owner=said.owner,
        workspace=said.workspace,
        spot=found.get("InstanceLifecycle") == "spot",
        disk=said.disk,
        created=_created(found),
        expires=said.expires,
        create_id=said.create_id,
        since=_since(found),
        user=said.user,
        host_keys=said.host_keys,
        private=said.private,
        idle_minutes=said.idle_minutes,
    )


def _instances(answers: Iterable[dict[str, Any]]) -> Iterator[Instance]:
    for answer in answers:
        for reservation in answer.get("Reservations", ()):
            yield from (one for one in reservation.get("Instances", ()) if one.get("InstanceId"))


def _address(found: Instance) -> str:
    """The public one; the private one of a machine that runs without."""
    if state_of(found) not in ("pending", "running"):
        return ""
    return str(found.get("PublicIpAddress") or found.get("PrivateIpAddress") or "")


def _created(found: Instance) -> float:
    """Its launch time is that of the last start, but its first disk and card stay (EC2's API reference, Instance)."""
    times: list[datetime | None] = [found.get("LaunchTime")]
    times += [mapping.get("Ebs", {}).get("AttachTime") for mapping in found.get("BlockDeviceMappings", ())]
    times += [card.get("Attachment", {}).get("AttachTime") for card in found.get("NetworkInterfaces", ())]
    return min((time.timestamp() for time in times if time), default=0.0)


def _since(found: Instance) -> float:
    if state_of(found) == "running" and found.get("LaunchTime"):
        return float(found["LaunchTime"].timestamp())
    said = _SINCE.search(str(found.get("StateTransitionReason", "")))
    return datetime.fromisoformat(said[1] + "+00:00").timestamp() if said else 0.0
