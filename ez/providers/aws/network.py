"""The network of a workspace in a region, and the door of each machine in it.

A network of ez's own is found by its tag and made when it is missing; it costs nothing, and goes with its last machine.
Each machine has a security group of its own, which lets in one address to port 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from typing import Any

from ez.errors import CloudError, UsageError
from ez.models import Workspace
from ez.providers.aws.account import Account, filters, tag_list, tagged
from ez.providers.aws.waiting import done_already, settled, wait_for
from ez.providers.base import Order
from ez.providers.tags import WORKSPACE, tags_of

_RANGE = "10.77.0.0/16"
_SSH = 22
_DOOR = "ez: lets its user in by SSH"
_KINDS = {4: ("IpRanges", "CidrIp"), 6: ("Ipv6Ranges", "CidrIpv6")}


@dataclass(frozen=True)
class Place:
    """Where a machine's network card goes."""

    network: str
    subnet: str
    group: str


@dataclass(frozen=True)
class Opening:
    """One range of addresses that is let in to some ports; `ranges` and `key` are EC2's words for its kind."""

    protocol: str
    first: int | None
    last: int | None
    ranges: str
    key: str
    addresses: str

    @property
    def permission(self) -> dict[str, Any]:
        ports = {} if self.first is None else {"FromPort": self.first, "ToPort": self.last}
        return {"IpProtocol": self.protocol, **ports, self.ranges: [{self.key: self.addresses}]}


def place(account: Account, order: Order) -> Place:
    """The subnet and the security group for the order, made where they are missing.

    Raises UsageError for a network that is not there or cannot serve it, CapacityError, CloudError.
    """
    workspace, region = account.workspace, order.offer.region
    if not workspace.network:
        if order.private:
            raise UsageError(
                "a machine without a public address needs a network with another way out",
                "name one: ez config set workspace.network vpc-ID",
            )
        network = _own_network(account, region)
        subnet = _own_subnet(account, region, network, order.zone or _any_zone(account, order))
    else:
        network, subnet = given(account, region, workspace.network, order.zone)
    group = _group(account, order, network)
    admit(account, region, group, _range_of(account, region, network) if order.private else order.source)
    return Place(network, subnet, group)


def admit(account: Account, region: str, group: str, source: str) -> None:
    """Have the security group let in `source` alone, empty for nobody. Raises UsageError for what is no address."""
    ec2 = account.ec2(region)
    wanted = {_opening(source)} if source else set()
    with account.translated(f"cannot change who gets in through `{group}`"):
        found = _openings(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"])
        for opening in wanted - found:
            with done_already("InvalidPermission.Duplicate"):
                ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[opening.permission])
        for opening in found - wanted:
            with done_already():
                ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[opening.permission])


def groups(account: Account, region: str, create_id: str) -> list[str]:
    """The security groups that were made for one machine."""
    asked = tagged(workspace=account.workspace.name, create_id=create_id)
    with account.translated(f"cannot find who gets in, in {region}"):
        found = account.ec2(region).describe_security_groups(Filters=asked)["SecurityGroups"]
    return [group["GroupId"] for group in found]


def networks(account: Account, region: str) -> list[str]:
    """The networks that ez made for this workspace, by id."""
    found = account.ec2(region).describe_vpcs(Filters=tagged(workspace=account.workspace.name))
    return sorted(vpc["VpcId"] for vpc in found["Vpcs"])


def remove_networks(account: Account, region: str) -> None:
    """Remove those of them that nobody uses, and then gateways that belong to none."""
    kept = [network for network in networks(account, region) if not remove_network(account, region, network)]
    for gateway in loose_gateways(account, region) if not kept else ():
        with done_already():
            account.ec2(region).delete_internet_gateway(InternetGatewayId=gateway)


def remove_network(account: Account, region: str, network: str) -> bool:
    """Remove a network of ez's own with all in it; False where somebody still uses it."""
    ec2 = account.ec2(region)
    here = filters(vpc_id=network)
    doors = ec2.describe_security_groups(Filters=here)["SecurityGroups"]
    cards = ec2.describe_network_interfaces(Filters=here)["NetworkInterfaces"]
    if cards or any(group["GroupName"] != "default" for group in doors):
        return False
    with done_already():
        for subnet in ec2.describe_subnets(Filters=here)["Subnets"]:
            settled(partial(ec2.delete_subnet, SubnetId=subnet["SubnetId"]), account, "DependencyViolation")
        for gateway in _gateways(ec2, network):
            ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
            ec2.delete_internet_gateway(InternetGatewayId=gateway)
        settled(lambda: ec2.delete_vpc(VpcId=network), account, "DependencyViolation")
    return True


def loose_gateways(account: Account, region: str) -> list[str]:
    """Those that ez made for a network and that belong to none."""
    found = account.ec2(region).describe_internet_gateways(Filters=tagged(workspace=account.workspace.name))
    return [one["InternetGatewayId"] for one in found["InternetGateways"] if not one.get("Attachments")]


def _own_network(account: Account, region: str) -> str:
    ec2 = account.ec2(region)
    with account.translated(f"cannot make a network in {region}"):
        network = next(iter(networks(account, region)), None) or _make_network(account, region)
        gateway = _gateway(account, region, network)
        main = [*filters(vpc_id=network), {"Name": "association.main", "Values": ["true"]}]
        for table in ec2.describe_route_tables(Filters=main)["RouteTables"]:
            with done_already("RouteAlreadyExists"):
                ec2.create_route(
                    RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
                )
    return network


def _gateway(account: Account, region: str, network: str) -> str:
    """The network's way out; one that a run left behind before it was attached is used."""
    ec2 = account.ec2(region)
    if attached := _gateways(ec2, network):
        return attached[0]
    own = next(iter(loose_gateways(account, region)), None)
    if own is None:
        made = ec2.create_internet_gateway(TagSpecifications=_specification("internet-gateway", account.workspace))
        own = str(made["InternetGateway"]["InternetGatewayId"])
    with done_already("Resource.AlreadyAssociated"):
        ec2.attach_internet_gateway(InternetGatewayId=own, VpcId=network)
    # Another run may have been quicker, with a gateway of its own.
    return next(iter(_gateways(ec2, network)), own)


def _make_network(account: Account, region: str) -> str:
    """Two people may do so at once: the first by id stays, and the other one's goes."""
    ec2 = account.ec2(region)
    made = ec2.create_vpc(CidrBlock=_RANGE, TagSpecifications=_specification("vpc", account.workspace))
    own: str = made["Vpc"]["VpcId"]
    first = min([own, *networks(account, region)])
    if first != own:
        ec2.delete_vpc(VpcId=own)
    return first


def _own_subnet(account: Account, region: str, network: str, zone: str) -> str:
    ec2 = account.ec2(region)
    with account.translated(f"cannot make a subnet in {zone}"):
        there = ec2.describe_subnets(Filters=filters(vpc_id=network))["Subnets"]
        for subnet in there:
            if subnet["AvailabilityZone"] == zone:
                return str(subnet["SubnetId"])
        taken = {subnet["CidrBlock"] for subnet in there}
        free = [str(block) for block in ip_network(_RANGE).subnets(new_prefix=20) if str(block) not in taken]
        for block in free:
            # Another run may be making this very one.
            with done_already("InvalidSubnet.Conflict"):
                return _make_subnet(account, region, network, zone, block)
    raise CloudError(
        f"the network `{network}` has no room for a subnet in {zone}", "ez compute gc", code="SubnetConflict"
    )


def _make_subnet(account: Account, region: str, network: str, zone: str, block: str) -> str:
    make = partial(account.ec2(region).create_subnet, VpcId=network, CidrBlock=block, AvailabilityZone=zone)
    tags = _specification("subnet", account.workspace)
    made = settled(lambda: make(TagSpecifications=tags), account, "InvalidVpcID.NotFound")
    return str(made["Subnet"]["SubnetId"])


def _any_zone(account: Account, order: Order) -> str:
    size, region = order.offer.size.name, order.offer.region
    if order.offer.zones:
        return order.offer.zones[0]
    with account.translated(f"cannot find a zone for `{size}` in {region}"):
        answer = account.ec2(region).describe_instance_type_offerings(
            LocationType="availability-zone", Filters=filters(instance_type=size)
        )
    zones = sorted(offering["Location"] for offering in answer["InstanceTypeOfferings"])
    if not zones:
        raise UsageError(f"{region} has no `{size}`", f"ez compute sizes -p aws --region {region}")
    return str(zones[0])


def given(account: Account, region: str, network: str, zone: str) -> tuple[str, str]:
    """The network of the settings and a subnet of it in the zone, empty for any."""
    if network == "default":
        asked = filters(default_for_az="true")
    elif network.startswith("vpc-"):
        asked = filters(vpc_id=network)
    elif network.startswith("subnet-"):
        asked = filters(subnet_id=network)
    else:
        raise UsageError(f"not a network of AWS: `{network}`", "use default, vpc-ID or subnet-ID")
    asked += filters(availability_zone=zone) if zone else []
    with account.translated(f"cannot use the network `{network}` in {region}"):
        found = account.ec2(region).describe_subnets(Filters=asked)["Subnets"]
    if not found:
        raise UsageError(f"no subnet of the network `{network}` in {zone or region}", "ez workspace info")
    chosen = min(found, key=lambda subnet: (-subnet.get("AvailableIpAddressCount", 0), subnet["SubnetId"]))
    return chosen["VpcId"], chosen["SubnetId"]


def _range_of(account: Account, region: str, network: str) -> str:
    """The addresses of the network itself: a machine without a public address is reached through another one there."""
    with account.translated(f"cannot look at the network `{network}`"):
        return str(account.ec2(region).describe_vpcs(VpcIds=[network])["Vpcs"][0]["CidrBlock"])


def _group(account: Account, order: Order, network: str) -> str:
    ec2 = account.ec2(order.offer.region)
    name = f"ez-{account.workspace.name}-{order.name}-{order.create_id}"
    tags = {**tags_of(order, account.workspace), "Name": name}
    with account.translated(f"cannot make a security group for `{order.name}`"):
        for found in groups(account, order.offer.region, order.create_id):
            return found
        make = partial(ec2.create_security_group, GroupName=name, Description=_DOOR, VpcId=network)
        marked = [{"ResourceType": "security-group", "Tags": tag_list(tags)}]
        with done_already("InvalidGroup.Duplicate"):
            return str(settled(lambda: make(TagSpecifications=marked), account, "InvalidVpcID.NotFound")["GroupId"])
        # Another run of the same order was quicker.
        look = partial(groups, account, order.offer.region, order.create_id)
        return wait_for(lambda: next(iter(look()), None), account, f"cannot find `{name}`", within=60)


def _gateways(ec2: Any, network: str) -> list[str]:
    found = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [network]}])
    return [gateway["InternetGatewayId"] for gateway in found["InternetGateways"]]


def _opening(source: str) -> Opening:
    try:
        addresses = ip_network(source)
    except ValueError as error:
        raise UsageError(f"not an address: `{source}`", "write it as 203.0.113.7/32") from error
    return Opening("tcp", _SSH, _SSH, *_KINDS[addresses.version], str(addresses))


def _openings(rules: Sequence[dict[str, Any]]) -> set[Opening]:
    """EC2 puts all ranges of the same ports into one rule."""
    return {
        Opening(rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), ranges, key, one[key])
        for rule in rules
        for ranges, key in _KINDS.values()
        for one in rule.get(ranges, ())
    }


def _specification(kind: str, workspace: Workspace) -> list[dict[str, Any]]:
    tags = {"Name": f"ez-{workspace.name}", WORKSPACE: workspace.name}
    return [{"ResourceType": kind, "Tags": tag_list(tags)}]
