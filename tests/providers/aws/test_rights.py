"""The rights that the guide lists are enough for all that is asked, and there is none too many."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from ez.events import null_sink
from ez.providers.aws.cleanup import remove
from tests.emulators.aws import REGION
from tests.providers.aws.test_power import LARGER
from tests.providers.aws.values import ORDER, Made

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "aws.md"
SERVICES = {
    "GetParameter": "ssm",
    "GetCallerIdentity": "sts",
    "GetProducts": "pricing",
    "GetServiceQuota": "servicequotas",
    **dict.fromkeys(("ListSchedules", "ListScheduleGroups"), "scheduler"),
    **dict.fromkeys(("CreateRole", "DeleteRole", "DeleteRolePolicy", "GetRole", "PutRolePolicy"), "iam"),
    **{f"{verb}Schedule{what}": "scheduler" for verb in ("Create", "Delete", "Update") for what in ("", "Group")},
}
UNSEEN = {"ec2:CreateTags", "iam:PassRole", "scheduler:TagResource", "iam:TagRole"}
"""What AWS wants of whoever makes a thing with tags, or one that has a role."""

KINDS = ("address", "network card", "disk", "security group", "spot request")


def test_rights(made: Made) -> None:
    provider, faults = made
    faults.answer("GetProducts", lambda asked: {"PriceList": []})
    faults.answer("DescribeInstanceTypes", lambda asked: {"InstanceTypes": []})
    assert LARGER is not None
    provider.check([ORDER.offer], spot=True, image="")
    provider.create(replace(ORDER, spot=True), null_sink)
    provider.restart("gpu1", null_sink)
    provider.resize("gpu1", LARGER, null_sink)
    provider.admit("gpu1", "198.51.100.9/32")
    for at in ("1930", "2030", ""):
        provider.fence("gpu1", at)
    provider.standing()
    provider.leftovers(frozenset())
    provider.offers([REGION], null_sink)
    for kind in KINDS:
        for operation in ("ReleaseAddress", "CancelSpotInstanceRequests"):
            faults.answer(operation, lambda asked: {})
        remove(provider.account, REGION, kind, "xx-0")
    provider.delete("gpu1", null_sink)
    asked = {f"{SERVICES.get(name, 'ec2')}:{name}" for name in faults.calls} | UNSEEN
    (policy,) = re.findall(r"^```json\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    listed = [right for statement in json.loads(policy)["Statement"] for right in statement["Action"]]
    assert [each for each in sorted(asked) if not any(fnmatchcase(each, right) for right in listed)] == []
    assert [right for right in listed if not any(fnmatchcase(each, right) for each in asked)] == []
