"""Taking away what was made, and finding what nobody owns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ez.errors import CloudError, UsageError
from ez.events import null_sink
from ez.providers.aws.account import tag_list
from ez.providers.tags import tags_of
from ez.state import State
from tests.emulators.aws import REGION, AwsCloud
from tests.providers.aws.values import NOTHING, ORDER, Made, left


def test_a_spot_request_ends_before_its_machine(made: Made) -> None:
    """It would start another one."""
    provider, faults = made
    provider.create(ORDER, null_sink)
    request = {"SpotInstanceRequestId": "sir-1", "State": "active", "InstanceId": "i-1"}
    faults.answer_once("DescribeSpotInstanceRequests", lambda asked: {"SpotInstanceRequests": [request]})
    faults.answer_once("CancelSpotInstanceRequests", lambda asked: {"CancelledSpotInstanceRequests": []})
    provider.delete("gpu1", null_sink)
    assert faults.calls.index("CancelSpotInstanceRequests") < faults.calls.index("TerminateInstances")
    assert left(provider) == NOTHING


def test_what_is_still_held_for_a_moment_is_waited_for(made: Made) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    faults.refuse("DeleteSecurityGroup", "DependencyViolation", times=2)
    faults.refuse("DeleteSubnet", "DependencyViolation")
    provider.delete("gpu1", null_sink)
    assert left(provider) == NOTHING


@pytest.mark.parametrize("operation", ["TerminateInstances", "DeleteSecurityGroup", "DeleteSubnet", "DeleteVpc"])
def test_a_delete_that_fails_is_gone_on_with(made: Made, operation: str) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    faults.refuse(operation, "UnauthorizedOperation")
    with pytest.raises(CloudError, match="you may not do that"):
        provider.delete("gpu1", null_sink)
    faults.die_after(operation)
    with pytest.raises(KeyboardInterrupt):
        provider.delete("gpu1", null_sink)
    provider.delete("gpu1", null_sink)
    assert left(provider) == NOTHING


def test_the_network_stays_for_the_others(made: Made, aws: AwsCloud, state: State) -> None:
    provider, _ = made
    provider.create(ORDER, null_sink)
    bob = aws.provider(state, "bob")
    other = replace(ORDER, name="gpu2", owner="bob", create_id="bbbbbbbbbbbb")
    bob.create(other, null_sink)
    provider.delete("gpu1", null_sink)
    assert [one.name for one in provider.machines()] == ["gpu2"]
    with pytest.raises(UsageError, match="`gpu2` is bob's"):
        provider.delete("gpu2", null_sink)
    bob.delete("gpu2", null_sink)
    assert left(provider) == NOTHING


def test_leftovers(made: Made) -> None:
    """Disks, cards, addresses, groups and an empty network; not what a machine has, nor what is being made."""
    provider, _ = made
    provider.create(ORDER, null_sink)
    ec2 = provider.account.ec2(REGION)
    tags = tag_list(tags_of(replace(ORDER, create_id="dead"), provider.workspace))
    subnet = ec2.describe_instances()["Reservations"][0]["Instances"][0]["SubnetId"]

    def mark(kind: str) -> list[dict[str, object]]:
        return [{"ResourceType": kind, "Tags": tags}]

    ec2.create_volume(AvailabilityZone="us-east-1b", Size=100, TagSpecifications=mark("volume"))
    ec2.allocate_address(Domain="vpc", TagSpecifications=mark("elastic-ip"))
    ec2.create_network_interface(SubnetId=subnet, TagSpecifications=mark("network-interface"))
    ec2.create_security_group(GroupName="x", Description="x", TagSpecifications=mark("security-group"))
    found = provider.leftovers(frozenset())
    assert [(each.kind, each.create_id, each.owner) for each in found] == [
        ("address", "dead", "ada"),
        ("network card", "dead", "ada"),
        ("disk", "dead", "ada"),
        ("security group", "dead", "ada"),
    ]
    assert {each.kind: each.monthly > 0 for each in found if each.monthly} == {"address": True, "disk": True}
    assert provider.leftovers(frozenset({"dead"})) == []
    for each in found * 2:
        provider.remove(each, null_sink)
    assert provider.leftovers(frozenset()) == []
    # A machine that somebody ended by hand.
    ec2.terminate_instances(InstanceIds=[provider.machines()[0].id])
    found = provider.leftovers(frozenset())
    assert [each.kind for each in found] == ["security group", "network"]
    ec2.create_internet_gateway(TagSpecifications=mark("internet-gateway"))
    found = provider.leftovers(frozenset())
    assert [each.kind for each in found] == ["security group", "network", "gateway"]
    for each in found:
        provider.remove(each, null_sink)
    assert left(provider) == NOTHING
    provider.create(replace(ORDER, create_id="cccccccccccc"), null_sink)
    network = ec2.describe_vpcs(Filters=[{"Name": "tag-key", "Values": ["ez:workspace"]}])["Vpcs"][0]["VpcId"]
    with pytest.raises(CloudError, match="somebody still uses"):
        provider.remove(replace(found[1], id=network), null_sink)
