"""Machines that are there: what is awaited, and what is done when EC2 has no room."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ez.errors import CapacityError, CloudError, UsageError
from ez.events import null_sink
from ez.providers.aws import Aws
from ez.providers.aws.machines import machine
from ez.providers.catalogue import known_size
from tests.emulators.aws import REGION
from tests.providers.aws.values import NOTHING, ORDER, Made, left

LARGER = known_size("aws", "g4dn.2xlarge")
OTHER = known_size("aws", "g5g.xlarge")


def test_a_start_finds_no_room(made: Made) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    provider.stop("gpu1", null_sink)
    faults.refuse("StartInstances", "InsufficientInstanceCapacity", status=500)
    with pytest.raises(CapacityError, match="cannot start `gpu1`: AWS has no room") as caught:
        provider.start("gpu1", null_sink)
    assert caught.value.blocks == (REGION, "g4dn.xlarge", "us-east-1b", False)
    assert provider.start("gpu1", null_sink).power == "running"


def test_states_on_the_way_are_waited_out(made: Made) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    states = iter(["running", "stopping", "stopping"])
    faults.alter("DescribeInstances", lambda one: one | {"State": {"Name": next(states, "stopped")}})
    assert provider.stop("gpu1", null_sink).power == "deallocated"
    states = iter(["stopping", "stopping", "stopped", "stopped", "pending"])
    faults.alter("DescribeInstances", lambda one: one | {"State": {"Name": next(states, "running")}})
    faults.answer("StartInstances", lambda asked: {"StartingInstances": []})
    assert provider.start("gpu1", null_sink).power == "running"


def test_it_stops_again_as_it_starts(made: Made) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    states = iter(["stopped", "pending", "pending"])
    reason = {"Code": "Server.SpotInstanceShutdown", "Message": "taken back"}
    faults.alter(
        "DescribeInstances", lambda one: one | {"State": {"Name": next(states, "stopped")}, "StateReason": reason}
    )
    with pytest.raises(CloudError, match=r"cannot start `gpu1`: .*taken back") as caught:
        provider.start("gpu1", null_sink)
    assert caught.value.code == "SpotInstanceShutdown"
    assert provider.machines()[0].power == "evicted"


def test_another_size_without_room_gives_the_old_one_back(made: Made) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    assert LARGER is not None
    faults.refuse("StartInstances", "InsufficientInstanceCapacity", status=500)
    with pytest.raises(CapacityError) as caught:
        provider.resize("gpu1", LARGER, null_sink)
    assert caught.value.blocks == (REGION, "g4dn.2xlarge", "us-east-1b", False)
    (left,) = provider.machines()
    assert (left.power, left.size) == ("running", "g4dn.xlarge")
    provider.stop("gpu1", null_sink)
    resized = provider.resize("gpu1", LARGER, null_sink)
    assert (resized.power, resized.size) == ("deallocated", "g4dn.2xlarge")


def test_another_kind_of_processor_is_another_machine(made: Made) -> None:
    provider, faults = made
    provider.create(ORDER, null_sink)
    assert OTHER is not None
    with pytest.raises(UsageError, match=r"`g4dn\.xlarge` is x86_64, `g5g\.xlarge` is arm64"):
        provider.resize("gpu1", OTHER, null_sink)
    assert "StopInstances" not in faults.calls


SHOWN: dict[str, Any] = {"InstanceId": "i-1", "InstanceType": "t3.micro", "State": {"Name": "stopped"}}


def test_a_machine_that_ez_did_not_make() -> None:
    found = machine(SHOWN | {"Tags": [{"Key": "Name", "Value": "web"}]}, REGION)
    assert (found.name, found.workspace, found.owner, found.power) == ("web", "", "", "deallocated")
    assert machine(SHOWN, REGION).name == "i-1"


def test_since_when_it_rests() -> None:
    said = "User initiated (2026-11-22 18:00:00 GMT)"
    assert machine(SHOWN | {"StateTransitionReason": said}, REGION).since == 1795370400
    assert machine(SHOWN | {"StateTransitionReason": "Server.Odd"}, REGION).since == 0


def test_tags_that_somebody_wrote_over(made: Made) -> None:
    provider, _ = made
    made_id = provider.create(replace(ORDER, expires=1_800_000_000), null_sink).id
    odd = [{"Key": "ez:expires", "Value": "tomorrow"}, {"Key": "ez:disk", "Value": "²"}]
    provider.account.ec2(REGION).create_tags(Resources=[made_id], Tags=odd)
    (found,) = provider.machines()
    assert (found.expires, found.disk) == (0, 0)


def schedules(provider: Aws) -> dict[str, dict[str, Any]]:
    clock = provider.account.client("scheduler", REGION)
    names = [each["Name"] for each in clock.list_schedules()["Schedules"]]
    return {name: clock.get_schedule(Name=name, GroupName="ez-default") for name in names}


def clocks(provider: Aws) -> tuple[int, int]:
    """How many groups of schedules and roles there are, without AWS's own group."""
    groups = provider.account.client("scheduler", REGION).list_schedule_groups()["ScheduleGroups"]
    roles = provider.account.client("iam", REGION).list_roles()["Roles"]
    return len([group for group in groups if group["Name"] != "default"]), len(roles)


def test_the_daily_stop(made: Made) -> None:
    """AWS's scheduler stops the machine by a role that may stop the workspace's machines and nothing else."""
    provider, _ = made
    machine = provider.create(ORDER, null_sink)
    for at in ("1930", "0005"):
        provider.fence("gpu1", at)
    ((name, found),) = schedules(provider).items()
    assert (name, found["ScheduleExpression"]) == (f"ez-{ORDER.create_id}", "cron(5 0 * * ? *)")
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert json.loads(found["Target"]["Input"]) == {"InstanceIds": [machine.id]}
    assert found["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:stopInstances"
    people = provider.account.client("iam", REGION)
    (statement,) = people.get_role_policy(RoleName="ez-stops-default", PolicyName="stop")["PolicyDocument"]["Statement"]
    assert statement["Action"] == "ec2:StopInstances"
    assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/ez:workspace": "default"}}
    with pytest.raises(UsageError, match="not a time of day"):
        provider.fence("gpu1", "25:00")
    for _ in range(2):
        provider.fence("gpu1", "")
    assert schedules(provider) == {}
    provider.fence("gpu1", "1930")
    provider.delete("gpu1", null_sink)
    assert (schedules(provider), clocks(provider)) == ({}, (0, 0))


def test_a_daily_stop_without_its_machine_is_found(made: Made) -> None:
    provider, _ = made
    machine = provider.create(ORDER, null_sink)
    provider.fence("gpu1", "1930")
    assert provider.leftovers(frozenset()) == []
    provider.account.ec2(REGION).terminate_instances(InstanceIds=[machine.id])
    (lost,) = [each for each in provider.leftovers(frozenset()) if each.kind == "schedule"]
    assert lost.create_id == ORDER.create_id
    provider.remove(lost, null_sink)
    assert schedules(provider) == {}


def test_without_rights_to_schedules(made: Made) -> None:
    """Nothing is lost by it but the daily stop."""
    provider, faults = made
    provider.create(ORDER, null_sink)
    faults.refuse("CreateScheduleGroup", "AccessDeniedException")
    with pytest.raises(CloudError, match="you may not do that"):
        provider.fence("gpu1", "1930")
    for operation in ("ListSchedules", "ListScheduleGroups"):
        faults.refuse(operation, "AccessDeniedException")
    assert provider.leftovers(frozenset()) == []
    provider.delete("gpu1", null_sink)
    assert left(provider) == NOTHING
