"""Machines that are there: started, stopped, restarted, given another size."""

from __future__ import annotations

from ez.errors import CapacityError, UsageError
from ez.events import Output, Sink
from ez.providers.aws.account import Account
from ez.providers.aws.errors import Attempt, refusal
from ez.providers.aws.machines import Instance, instance, reason_of, state_of
from ez.providers.aws.quota import family_of
from ez.providers.aws.waiting import settled, wait_for
from ez.providers.base import Size

_WITHIN = 600.0
_STOPS_WITHIN = 1800.0
"""A machine with much memory and open files takes its time (EC2 stops it by force after some minutes)."""


def attempt_of(found: Instance, region: str) -> Attempt:
    size, zone = found["InstanceType"], found.get("Placement", {}).get("AvailabilityZone", "")
    return Attempt(region, size, family_of(size), zone, found.get("InstanceLifecycle") == "spot")


def running(account: Account, region: str, id: str, what: str, attempt: Attempt) -> Instance:
    """The instance as soon as it runs and has its address; raises what EC2 says of one that ends or stops instead."""

    def look() -> Instance | None:
        found = instance(account, region, id)
        if found is None or state_of(found) == "pending":
            return None
        if state_of(found) != "running":
            code = reason_of(found).rpartition(".")[2]
            raise refusal(code, str(found.get("StateReason", {}).get("Message", "")), what, attempt)
        return found if found.get("PrivateIpAddress") else None

    return wait_for(look, account, what, within=_WITHIN)


def start(account: Account, region: str, found: Instance, what: str, attempt: Attempt) -> Instance:
    """Have it run and wait for that. Raises CapacityError, CloudError."""
    id = found["InstanceId"]
    if state_of(found) == "stopping":
        found = _stopped(account, region, id, what)
    if state_of(found) == "stopped":
        with account.translated(what, attempt):
            settled(lambda: account.ec2(region).start_instances(InstanceIds=[id]), account, "IncorrectSpotRequestState")
        wait_for(lambda: _left_state(account, region, id, "stopped"), account, what, within=_WITHIN)
    return running(account, region, id, what, attempt)


def stop(account: Account, region: str, found: Instance, what: str) -> Instance:
    id = found["InstanceId"]
    if state_of(found) in ("pending", "running"):
        with account.translated(what):
            settled(lambda: account.ec2(region).stop_instances(InstanceIds=[id]), account, "IncorrectInstanceState")
    return _stopped(account, region, id, what)


def restart(account: Account, region: str, found: Instance, what: str) -> Instance:
    if state_of(found) == "running":
        with account.translated(what):
            account.ec2(region).reboot_instances(InstanceIds=[found["InstanceId"]])
    return start(account, region, found, what, attempt_of(found, region))


def resize(account: Account, region: str, found: Instance, size: Size, what: str, sink: Sink) -> Instance:
    """It is stopped for that, and runs afterwards if it did before. Where the other size has no room it gets its old
    one back, and runs again if that is possible."""
    id, old = found["InstanceId"], found["InstanceType"]
    if found.get("Architecture", size.architecture) != size.architecture:
        raise UsageError(
            f"{what}: `{old}` is {found['Architecture']}, `{size.name}` is {size.architecture}", "make another"
        )
    if old == size.name:
        return found
    ran = state_of(found) in ("pending", "running")
    if ran:
        sink(Output("machine", f"stops {id}"))
    stopped = stop(account, region, found, what)
    _give_size(account, region, id, size.name, what)
    if not ran:
        return _stopped(account, region, id, what)
    attempt = Attempt(region, size.name, size.family, attempt_of(found, region).zone, attempt_of(found, region).spot)
    try:
        return start(account, region, stopped, what, attempt)
    except CapacityError:
        sink(Output("machine", f"back to {old}"))
        _give_size(account, region, id, old, what)
        start(account, region, _stopped(account, region, id, what), what, attempt_of(found, region))
        raise


def cannot_stop_itself(account: Account, region: str, found: Instance) -> str:
    """Why the instance that is turned off would not just stop, empty where it would. Raises CloudError."""
    id, name = found["InstanceId"], "instanceInitiatedShutdownBehavior"
    with account.translated(f"cannot look at `{id}`"):
        answer = account.ec2(region).describe_instance_attribute(InstanceId=id, Attribute=name)
    if answer.get("InstanceInitiatedShutdownBehavior", {}).get("Value", "stop") == "stop":
        return ""
    return "turned off, it would be ended with its disk: somebody changed its shutdown behaviour in AWS"


def _give_size(account: Account, region: str, id: str, size: str, what: str) -> None:
    with account.translated(what):
        account.ec2(region).modify_instance_attribute(InstanceId=id, InstanceType={"Value": size})


def _stopped(account: Account, region: str, id: str, what: str) -> Instance:
    def look() -> Instance | None:
        found = instance(account, region, id)
        if found is None or state_of(found) in ("shutting-down", "terminated"):
            raise refusal("InvalidInstanceID.NotFound", "", what)
        return found if state_of(found) == "stopped" else None

    return wait_for(look, account, what, within=_STOPS_WITHIN)


def _left_state(account: Account, region: str, id: str, state: str) -> bool | None:
    found = instance(account, region, id)
    return True if found is not None and state_of(found) != state else None
