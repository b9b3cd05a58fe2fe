"""AWS's own clock: a daily schedule of EventBridge that stops a machine, whatever happens on it.

The schedules of a workspace's region are a group, which goes with the last machine there; they act by a role of the
workspace, which may stop its machines and do nothing else (docs.aws.amazon.com/scheduler, "Universal targets").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ez.errors import CloudError, UsageError
from ez.names import shown
from ez.providers.aws.account import Account
from ez.providers.aws.waiting import done_already, settled
from ez.providers.tags import WORKSPACE

_IAM_AT = "us-east-1"
_LONGEST = 64
_POLICY = "stop"
_FORBIDDEN = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_THERE = ("ConflictException", "EntityAlreadyExists")


def fence(account: Account, region: str, instance: str, create_id: str, at: str) -> None:
    """Have the instance stopped each day at `at` (`HHMM`, UTC), or no more. Raises UsageError, CloudError."""
    if at and not (len(at) == 4 and at.isascii() and at.isdigit() and at[:2] < "24" and at[2:] < "60"):
        raise UsageError(f"not a time of day: `{shown(at)}`", "write it as HHMM in UTC, like `1930`")
    if not at:
        forget(account, region, [create_id])
        return
    with account.translated(f"cannot set the daily stop of `{instance}`"):
        asked, clock = _schedule(account, region, instance, create_id, at), account.client("scheduler", region)
        with done_already():
            clock.update_schedule(**asked)
            return
        with done_already(*_THERE):
            tags = [{"Key": WORKSPACE, "Value": account.workspace.name}]
            clock.create_schedule_group(Name=group_name(account), Tags=tags)
        # A role that was just made is not known everywhere yet.
        settled(partial(clock.create_schedule, **asked), account, "ValidationException")


def forget(account: Account, region: str, create_ids: Sequence[str]) -> None:
    """Take the schedules of machines away. Raises CloudError."""
    with account.translated("cannot remove the daily stop"):
        for create_id in create_ids:
            with done_already():
                clock = account.client("scheduler", region)
                clock.delete_schedule(Name=_name(create_id), GroupName=group_name(account))


def fenced(account: Account, region: str) -> list[str]:
    """The create ids that have a schedule in the workspace; none where one may not look. Raises CloudError."""
    found: list[str] = []
    with _if_allowed(account, "cannot list the daily stops"), done_already():
        clock = account.client("scheduler", region)
        for page in clock.get_paginator("list_schedules").paginate(GroupName=group_name(account)):
            found += [str(each["Name"]).removeprefix("ez-") for each in page["Schedules"]]
    return found


def has_group(account: Account, region: str) -> bool:
    """Whether the workspace has schedules there, or had. Raises CloudError."""
    name = group_name(account)
    with _if_allowed(account, "cannot list the daily stops"):
        found = account.client("scheduler", region).list_schedule_groups(NamePrefix=name)["ScheduleGroups"]
        return any(group["Name"] == name for group in found)
    return False


def remove_group(account: Account, region: str) -> None:
    """Remove the group of a region in which the workspace has no machine. Raises CloudError."""
    with account.translated("cannot remove the schedules"), done_already(*_THERE):
        account.client("scheduler", region).delete_schedule_group(Name=group_name(account))


def remove_role(account: Account) -> None:
    """Remove the role of a workspace without machines. Raises CloudError."""
    with _if_allowed(account, "cannot remove the role that stops machines"):
        people, role = account.client("iam", _IAM_AT), role_name(account)
        with done_already("NoSuchEntity"):
            people.delete_role_policy(RoleName=role, PolicyName=_POLICY)
        with done_already("NoSuchEntity"):
            people.delete_role(RoleName=role)


def group_name(account: Account) -> str:
    return f"ez-{account.workspace.name}"[:_LONGEST]


def role_name(account: Account) -> str:
    return f"ez-stops-{account.workspace.name}"[:_LONGEST]


def _name(create_id: str) -> str:
    return f"ez-{create_id}"[:_LONGEST]


def _schedule(account: Account, region: str, instance: str, create_id: str, at: str) -> dict[str, Any]:
    partition = account.session.get_partition_for_region(region)
    return {
        "Name": _name(create_id),
        "GroupName": group_name(account),
        "ScheduleExpression": f"cron({int(at[2:])} {int(at[:2])} * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": f"arn:{partition}:scheduler:::aws-sdk:ec2:stopInstances",
            "RoleArn": _role(account),
            "Input": json.dumps({"InstanceIds": [instance]}),
        },
    }


def _role(account: Account) -> str:
    """The role's address, made where it is missing."""
    people, role = account.client("iam", _IAM_AT), role_name(account)
    with done_already(*_THERE):
        people.create_role(
            RoleName=role,
            AssumeRolePolicyDocument=_allow("sts:AssumeRole", Principal={"Service": "scheduler.amazonaws.com"}),
            Description="Lets AWS's scheduler stop machines that ez made",
            Tags=[{"Key": WORKSPACE, "Value": account.workspace.name}],
        )
    only = {"StringEquals": {f"aws:ResourceTag/{WORKSPACE}": account.workspace.name}}
    document = _allow("ec2:StopInstances", Resource="*", Condition=only)
    people.put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=document)
    return str(people.get_role(RoleName=role)["Role"]["Arn"])


def _allow(action: str, **rest: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **rest}]})


@contextmanager
def _if_allowed(account: Account, what: str) -> Iterator[None]:
    """Who may have nothing to do with schedules has none."""
    try:
        with account.translated(what):
            yield
    except CloudError as error:
        if error.code not in _FORBIDDEN:
            raise
