"""What the tests of the provider have in common."""

from __future__ import annotations

from typing import Any

from ez.providers.aws.provider import Aws
from tests.emulators.aws import REGION, Faults
from tests.providers.orders import order_of

Made = tuple[Aws, Faults]

ORDER = order_of("aws", "g4dn.xlarge", REGION, zone="us-east-1b", expires=1_800_000_000)


def left(provider: Aws) -> tuple[int, ...]:
    """How many machines, disks, cards, addresses, groups, networks, gateways there are that ez made; moto does not tag
    cards."""
    ec2 = provider.account.ec2(REGION)
    tagged: list[Any] = [{"Name": "tag-key", "Values": ["ez:workspace"]}]
    return (
        len(provider.machines()),
        len(ec2.describe_volumes(Filters=tagged)["Volumes"]),
        len(ec2.describe_network_interfaces(Filters=tagged)["NetworkInterfaces"]),
        len(ec2.describe_addresses(Filters=tagged)["Addresses"]),
        len(ec2.describe_security_groups(Filters=tagged)["SecurityGroups"]),
        len(ec2.describe_vpcs(Filters=tagged)["Vpcs"]),
        len(ec2.describe_internet_gateways(Filters=tagged)["InternetGateways"]),
    )


NOTHING = (0, 0, 0, 0, 0, 0, 0)
ONE = (1, 1, 0, 0, 1, 1, 1)
