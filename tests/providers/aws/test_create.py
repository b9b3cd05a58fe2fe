"""Making a machine: what EC2 is asked, doing it twice, and what is left where it fails."""

from __future__ import annotations

import gzip
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ez.errors import CapacityError, CloudError, UsageError
from ez.events import null_sink
from ez.providers.aws.provider import Aws
from ez.providers.base import Order
from ez.state import State
from tests.emulators.aws import ARM, INTEL, REGION, AwsCloud, Faults
from tests.providers.aws.values import NOTHING, ONE, ORDER, Made, left
from tests.providers.orders import DOCUMENT, HOST_KEY, order_of

MAKES = (
    "CreateVpc",
    "CreateInternetGateway",
    "AttachInternetGateway",
    "CreateRoute",
    "CreateSubnet",
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "RunInstances",
)
"""Every call of a create that changes something, in this order."""


def test_what_is_asked(made: Made) -> None:
    provider, faults = made
    machine = provider.create(ORDER, null_sink)
    assert (machine.power, machine.zone, machine.region) == ("running", "us-east-1b", REGION)
    assert (machine.name, machine.owner, machine.workspace, machine.create_id) == (
        "gpu1",
        "ada",
        "default",
        "0123456789ab",
    )
    assert (machine.expires, machine.disk, machine.user, machine.host_keys) == (1_800_000_000, 128, "ez", (HOST_KEY,))
    asked = faults.asked["RunInstances"]
    disk = {"VolumeSize": 128, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    assert asked["BlockDeviceMappings"] == [{"DeviceName": "/dev/sda1", "Ebs": disk}]
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert asked["InstanceInitiatedShutdownBehavior"] == "stop"
    assert asked["ClientToken"].startswith("0123456789ab-")
    assert len(asked["ClientToken"]) <= 64
    assert asked["NetworkInterfaces"][0]["AssociatePublicIpAddress"]
    assert "InstanceMarketOptions" not in asked
    assert {spec["ResourceType"] for spec in asked["TagSpecifications"]} == {"instance", "volume", "network-interface"}
    for spec in asked["TagSpecifications"]:
        tags = {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
        assert tags["ez:workspace"] == "default"
        assert tags["ez:expires"] == "2027-01-15T08:00:00Z"


def test_the_door_is_open_to_the_caller_alone(made: Made) -> None:
    provider, _ = made
    provider.create(ORDER, null_sink)
    assert doors(provider) == [("tcp", 22, 22, "203.0.113.7/32")]
    provider.admit("gpu1", "2001:db8::7/128")
    assert doors(provider) == [("tcp", 22, 22, "2001:db8::7/128")]
    with pytest.raises(UsageError, match="not an address"):
        provider.admit("gpu1", "everybody")


def doors(provider: Aws) -> list[tuple[Any, ...]]:
    tagged: list[Any] = [{"Name": "tag:ez:computer", "Values": ["gpu1"]}]
    groups = provider.account.ec2(REGION).describe_security_groups(Filters=tagged)["SecurityGroups"]
    return [
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], addresses)
        for group in groups
        for rule in group["IpPermissions"]
        for addresses in [
            *(one["CidrIp"] for one in rule["IpRanges"]),
            *(one["CidrIpv6"] for one in rule["Ipv6Ranges"]),
        ]
    ]


def test_two_runs_at_once_make_one(aws: AwsCloud, state: State) -> None:
    """The second one brings another host key; its token is the same."""

    def run(number: int) -> str:
        return aws.provider(state).create(replace(ORDER, user_data=f"#cloud-config\n# {number}\n"), null_sink).id

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, range(2))
    assert first == second
    assert len(aws.provider(state).machines()) == 1


def test_two_machines_at_once_in_a_network_that_is_not_there_yet(aws: AwsCloud, state: State) -> None:
    def run(name: str) -> str:
        order = replace(ORDER, name=name, create_id=f"{name}00000000")
        return aws.provider(state).create(order, null_sink).id

    with ThreadPoolExecutor(2) as pool:
        made = set(pool.map(run, ("gpu1", "gpu2")))
    provider = aws.provider(state)
    assert {one.id for one in provider.machines()} == made
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: aws.provider(state).delete(name, null_sink), ("gpu1", "gpu2")))
    provider.delete("gpu1", null_sink)
    assert left(provider) == NOTHING


def test_two_people_with_one_name(made: Made, aws: AwsCloud, state: State) -> None:
    """Both looked before either had made anything: the later one gives way."""
    provider, faults = made
    other = aws.provider(state, "bob")
    first = other.create(replace(ORDER, owner="bob", create_id="bbbbbbbbbbbb"), null_sink)
    with pytest.raises(CloudError, match="`gpu1` already") as caught:
        provider.create(ORDER, null_sink)
    assert caught.value.code == "NameTaken"
    assert "RunInstances" not in faults.calls
    blind = aws.provider(state)
    seen: Iterator[dict[str, Any]] = iter([{"Reservations": []}])
    hidden = Faults(blind)
    hidden.answer_once("DescribeInstances", lambda asked: next(seen))
    with pytest.raises(CloudError, match="`gpu1` already") as caught:
        blind.create(replace(ORDER, create_id="cccccccccccc"), null_sink)
    assert "RunInstances" in hidden.calls
    assert [one.id for one in provider.machines()] == [first.id]


@pytest.mark.parametrize("operation", MAKES)
def test_killed_after_each_call(made: Made, aws: AwsCloud, state: State, operation: str) -> None:
    """The same order goes on, and one that nobody goes on with is removed by its name; nothing is double."""
    provider, faults = made
    for goes_on in (True, False):
        faults.die_after(operation)
        with pytest.raises(KeyboardInterrupt):
            provider.create(ORDER, null_sink)
        later = aws.provider(state)
        if goes_on:
            later.create(replace(ORDER, user_data="#cloud-config\n# another key\n"), null_sink)
            assert left(later) == ONE
        later.delete("gpu1", null_sink)
        assert left(later) == NOTHING


@pytest.mark.parametrize(
    ("code", "blocks"),
    [
        ("InsufficientInstanceCapacity", (REGION, "g4dn.xlarge", "us-east-1b", False)),
        ("Unsupported", (REGION, "g4dn.xlarge", "us-east-1b", None)),
        ("VcpuLimitExceeded", (REGION, "g", "", False)),
        ("MaxSpotInstanceCountExceeded", (REGION, "g", "", False)),
        ("InstanceLimitExceeded", (REGION, "g4dn.xlarge", "", False)),
        ("SpotMaxPriceTooLow", (REGION, "g4dn.xlarge", "us-east-1b", False)),
    ],
)
def test_no_room(made: Made, code: str, blocks: tuple[str, str, str, bool | None]) -> None:
    provider, faults = made
    faults.refuse("RunInstances", code, status=500 if code.startswith("Insufficient") else 400)
    with pytest.raises(CapacityError, match="cannot make `gpu1`") as caught:
        provider.create(ORDER, null_sink)
    assert (caught.value.blocks, caught.value.code) == (blocks, code)
    assert left(provider) == NOTHING


def test_it_ends_while_it_starts(made: Made) -> None:
    """EC2 may say yes and then no; without a zone of the order the block is of no zone."""
    provider, faults = made
    reason = {"Code": "Server.InsufficientInstanceCapacity", "Message": "no room"}
    faults.alter("DescribeInstances", lambda one: one | {"State": {"Name": "terminated"}, "StateReason": reason})
    with pytest.raises(CapacityError) as caught:
        provider.create(replace(ORDER, zone=""), null_sink)
    assert caught.value.blocks == (REGION, "g4dn.xlarge", "-", False)
    faults.alter("DescribeInstances", None)
    assert left(provider) == NOTHING


def test_spot(made: Made) -> None:
    provider, faults = made
    machine = provider.create(replace(ORDER, spot=True, max_price=0.3), null_sink)
    assert machine.spot
    asked = faults.asked["RunInstances"]
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop", "MaxPrice": "0.30000"}
    assert asked["InstanceMarketOptions"] == {"MarketType": "spot", "SpotOptions": options}
    assert "spot-instances-request" in {spec["ResourceType"] for spec in asked["TagSpecifications"]}


def test_much_to_do_at_the_first_start(made: Made) -> None:
    provider, faults = made
    document = DOCUMENT + "# words\n" * 4000
    provider.create(replace(ORDER, user_data=document), null_sink)
    assert gzip.decompress(b64decode(faults.asked["RunInstances"]["UserData"])).decode() == document
    assert document not in repr(ORDER)


@pytest.mark.parametrize(
    ("image", "size", "id"),
    [
        ("", "g4dn.xlarge", INTEL),
        ("ubuntu-24.04", "g5g.xlarge", ARM),
        (ARM, "g5g.xlarge", ARM),
        ("/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id", "g5g.xlarge", ARM),
    ],
)
def test_images(made: Made, image: str, size: str, id: str) -> None:
    provider, faults = made
    provider.create(order_of("aws", size, REGION, image=image), null_sink)
    assert faults.asked["RunInstances"]["ImageId"] == id


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        ("windows", UsageError, "not an image of AWS: `windows`"),
        (ARM, UsageError, "is for arm64, the size for x86_64"),
        ("ami-00000000000000000", CloudError, "no such image"),
        ("/no/such", CloudError, "no such image"),
    ],
)
def test_images_that_cannot_be(made: Made, image: str, error: type[Exception], words: str) -> None:
    provider, faults = made
    with pytest.raises(error, match=words):
        provider.create(replace(ORDER, image=image), null_sink)
    assert not set(MAKES) & set(faults.calls)


def given_network(provider: Aws, kind: str) -> str:
    ec2 = provider.account.ec2(REGION)
    subnet: dict[str, str] = ec2.describe_subnets()["Subnets"][0]
    return {"default": "default", "vpc": subnet["VpcId"], "subnet": subnet["SubnetId"]}[kind]


@pytest.mark.parametrize("kind", ["default", "vpc", "subnet"])
def test_a_network_that_is_there(aws: AwsCloud, state: State, kind: str) -> None:
    network = given_network(aws.provider(state), kind)
    provider = aws.provider(state, network=network)
    before = provider.account.ec2(REGION).describe_vpcs()["Vpcs"]
    machine = provider.create(replace(ORDER, zone="", private=True, source=""), null_sink)
    assert machine.address.startswith("172.31.")
    assert doors(provider) == [("tcp", 22, 22, "172.31.0.0/16")]
    provider.delete("gpu1", null_sink)
    assert provider.account.ec2(REGION).describe_vpcs()["Vpcs"] == before
    assert left(provider) == NOTHING


REFUSED: list[tuple[Callable[[Order], Order], str, str]] = [
    (lambda order: replace(order, private=True), "", "another way out"),
    (lambda order: order, "net", "not a network of AWS: `net`"),
    (lambda order: order, "vpc-00000000", "no subnet of the network"),
]


@pytest.mark.parametrize(("change", "network", "words"), REFUSED)
def test_networks_that_cannot_be(
    aws: AwsCloud, state: State, change: Callable[[Order], Order], network: str, words: str
) -> None:
    provider = aws.provider(state, network=network)
    with pytest.raises(UsageError, match=words):
        provider.create(change(ORDER), null_sink)
    assert left(provider) == NOTHING
