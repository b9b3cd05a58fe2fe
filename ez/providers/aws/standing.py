"""Who is signed in to AWS, and what of the workspace is not there."""

from __future__ import annotations

from typing import Any

from ez.errors import CloudError, UsageError
from ez.providers.aws.account import Account
from ez.providers.aws.network import given
from ez.providers.base import Standing

_FIRST = "us-east-1"


def standing(account: Account) -> Standing:
    """Raises SignInError, CloudError."""
    workspace = account.workspace
    with account.translated("cannot ask AWS who is signed in"):
        near = account.session.region_name or _FIRST
        found: dict[str, Any] = account.client("sts", near).get_caller_identity()
        known = {region["RegionName"] for region in account.ec2(near).describe_regions()["Regions"]}
    wrong = [f"AWS has no region `{region}` for this account" for region in workspace.regions if region not in known]
    if workspace.network and not wrong:
        wrong += _network(account, (*workspace.regions, near)[0])
    person = str(found["Arn"]).rpartition(":")[2]
    return Standing(person, str(found["Account"]), title=workspace.account, wrong=tuple(wrong))


def _network(account: Account, region: str) -> list[str]:
    try:
        given(account, region, account.workspace.network, "")
    except UsageError as error:
        return [error.message]
    except CloudError as error:
        if error.code.endswith("NotFound"):
            return [error.message]
        raise
    return []
