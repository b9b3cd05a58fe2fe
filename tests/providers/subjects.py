"""The providers as the contract sees them: each with a cloud behind it on which things can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ez.models import Workspace
from ez.providers.azure import Azure
from ez.providers.base import Order, Size
from ez.providers.catalogue import known_size
from ez.state import State
from tests.emulators.aws import REGION, AwsCloud, Faults
from tests.emulators.azure import Emulator
from tests.providers.aws.values import NOTHING, left
from tests.providers.orders import order_of


@dataclass
class AwsSubject:
    """ez on moto's server."""

    cloud: AwsCloud
    state: State
    key: str = "aws"
    made: dict[str, tuple[Any, Faults]] = field(default_factory=dict)

    def provider(self, owner: str = "ada", **workspace: Any) -> Any:
        if owner not in self.made:
            provider = self.cloud.provider(self.state, owner, **workspace)
            self.made[owner] = provider, Faults(provider)
        return self.made[owner][0]

    def order(self, **changes: Any) -> Order:
        return order_of(self.key, "g4dn.xlarge", REGION, **changes)

    @property
    def larger(self) -> Size:
        return _known(self.key, "g4dn.2xlarge")

    def is_empty(self) -> bool:
        return left(self.provider()) == NOTHING

    def let_in(self) -> set[str]:
        """The addresses that the security groups of ez's machines let in, to port 22."""
        ec2 = self.provider().account.ec2(REGION)
        groups = ec2.describe_security_groups(Filters=[{"Name": "tag-key", "Values": ["ez:create-id"]}])
        rules = [rule for group in groups["SecurityGroups"] for rule in group["IpPermissions"]]
        assert all((rule["FromPort"], rule["ToPort"]) == (22, 22) for rule in rules)
        return {each["CidrIp"] for rule in rules for each in rule["IpRanges"]}

    def daily_stops(self) -> list[str]:
        clock = self.provider().account.client("scheduler", REGION)
        names = [each["Name"] for each in clock.list_schedules()["Schedules"]]
        found = [clock.get_schedule(Name=name, GroupName="ez-default")["ScheduleExpression"] for name in names]
        return [f"{int(words[1]):02}{int(words[0]):02}" for words in (each[5:].split() for each in found)]

    def forbid_its_stop(self) -> None:
        """moto does not remember this setting."""
        changed = {"InstanceInitiatedShutdownBehavior": {"Value": "terminate"}}
        self.made["ada"][1].answer("DescribeInstanceAttribute", lambda asked: changed)

    def interrupted(self, work: Callable[[], object]) -> None:
        """Killed after a part was made, and before the machine."""
        self.made["ada"][1].die_after("AuthorizeSecurityGroupIngress")
        work()

    def with_few_sizes(self) -> None:
        """moto takes seconds for all of them, and has no spot prices."""
        provider, faults = self.provider(), self.made["ada"][1]
        found = provider.account.ec2(REGION).describe_instance_types(InstanceTypes=["g4dn.xlarge", "g4dn.2xlarge"])
        row = {"InstanceType": "g4dn.xlarge", "AvailabilityZone": "us-east-1a", "SpotPrice": "0.19"}
        faults.answer("DescribeInstanceTypes", lambda asked: {"InstanceTypes": found["InstanceTypes"]})
        faults.answer("DescribeSpotPriceHistory", lambda asked: {"SpotPriceHistory": [row]})

    def without_room(self) -> None:
        """The next machine of ada's that is made or started finds none."""
        self.made["ada"][1].refuse("RunInstances", "InsufficientInstanceCapacity", status=500)

    def forbidden(self) -> None:
        self.made["ada"][1].refuse("RunInstances", "UnauthorizedOperation")

    def sign_out(self) -> None:
        for _, faults in self.made.values():
            for operation in ("DescribeInstances", "GetCallerIdentity"):
                faults.refuse(operation, "ExpiredToken", times=20)


@dataclass
class AzureSubject:
    """ez on the emulator."""

    cloud: Emulator
    state: State
    key: str = "azure"
    made: dict[str, Any] = field(default_factory=dict)

    def provider(self, owner: str = "ada", **workspace: Any) -> Any:
        if owner not in self.made:
            account, endpoint = self.cloud.subscription, self.cloud.url
            given = {"account": account, "regions": ("eastus",), "endpoint": endpoint, "owner": owner} | workspace
            self.made[owner] = Azure(self.state, Workspace(provider=self.key, **given))
            self.made[owner].pause = 0.01
        return self.made[owner]

    def order(self, **changes: Any) -> Order:
        return order_of(self.key, "Standard_NC4as_T4_v3", "eastus", **changes)

    @property
    def larger(self) -> Size:
        return _known(self.key, "Standard_NC8as_T4_v3")

    def is_empty(self) -> bool:
        return self.cloud.count() == 0

    def let_in(self) -> set[str]:
        rules = [one.properties for one in self.cloud.cloud.store if one.kind.endswith("/securityRules")]
        assert all((rule["destinationPortRange"], rule["access"]) == ("22", "Allow") for rule in rules)
        return {str(rule["sourceAddressPrefix"]) for rule in rules}

    def daily_stops(self) -> list[str]:
        found = [one.properties for one in self.cloud.cloud.store if one.kind.endswith("/schedules")]
        return [str(each["dailyRecurrence"]["time"]) for each in found]

    def forbid_its_stop(self) -> None:
        (right,) = [one for one in self.cloud.cloud.store if one.kind.endswith("/roleAssignments")]
        self.provider()._arm.send("DELETE", right.id, "2022-04-01")

    def interrupted(self, work: Callable[[], object]) -> None:
        """The connection is lost after the parts were made, and before the machine."""
        self.cloud.fault("virtualMachines.create", lose="before", times=20)
        try:
            work()
        finally:
            self.cloud.mend()

    def with_few_sizes(self) -> None:
        """It has few."""

    def without_room(self) -> None:
        self.cloud.fault("virtualMachines.create", "AllocationFailed")

    def forbidden(self) -> None:
        self.cloud.fault("virtualMachines.create", "AuthorizationFailed")

    def sign_out(self) -> None:
        self.cloud.cloud.directory.signed_out = True


Subject = AwsSubject | AzureSubject


def _known(provider: str, name: str) -> Size:
    found = known_size(provider, name)
    assert found is not None
    return found
