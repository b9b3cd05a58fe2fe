"""What ez made in a workspace and no machine needs, with what it costs."""

from __future__ import annotations

from ez.providers.aws import fence, network
from ez.providers.aws.account import Account, filters
from ez.providers.aws.cleanup import Thing, loose, spot_requests
from ez.providers.aws.machines import alive, marks, tags_on
from ez.providers.base import Leftover
from ez.providers.catalogue import address_month, disk_month
from ez.providers.tags import Marks, marks_of


def leftovers(account: Account, region: str, owned: frozenset[str]) -> list[Leftover]:
    """`owned` are orders that are alive for somebody who knows; so are those of all machines that are there."""
    workspace = account.workspace.name
    machines = alive(account, region, workspace=workspace)
    ids = {found["InstanceId"] for found in machines}
    known = owned | {marks(found).create_id for found in machines}
    found = [thing for thing in loose(account, region, workspace=workspace) if thing.marks.create_id not in known]
    for request in spot_requests(account, region, workspace=workspace):
        if request.get("InstanceId", "") not in ids:
            found.append(Thing("spot request", request["SpotInstanceRequestId"], marks_of(tags_on(request))))
    lost = [Marks(workspace, create_id=one) for one in fence.fenced(account, region) if one not in known]
    found += [Thing("schedule", marks.create_id, marks) for marks in lost]
    left = [_priced(thing, region) for thing in found]
    if not machines and not owned:
        left += [_priced(Thing("network", id, marks_of({})), region) for id in _empty_networks(account, region)]
        left += [_priced(Thing("gateway", id, marks_of({})), region) for id in _gateways(account, region)]
    return left


def _priced(thing: Thing, region: str) -> Leftover:
    monthly = {"disk": disk_month("aws", thing.size), "address": address_month("aws")}.get(thing.kind)
    said = thing.marks
    return Leftover(
        "aws",
        thing.kind,
        f"{said.computer or said.workspace or thing.id}",
        thing.id,
        region,
        said.owner,
        thing.created,
        monthly or 0.0,
        said.create_id,
    )


def _empty_networks(account: Account, region: str) -> list[str]:
    """Those without a card in them; one with security groups that are left is emptied by removing these first."""
    with account.translated(f"cannot list the networks of {region}"):
        return [
            id
            for id in network.networks(account, region)
            if not account.ec2(region).describe_network_interfaces(Filters=filters(vpc_id=id))["NetworkInterfaces"]
        ]


def _gateways(account: Account, region: str) -> list[str]:
    with account.translated(f"cannot list the gateways of {region}"):
        return network.loose_gateways(account, region)
