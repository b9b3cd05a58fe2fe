"""Errors of the catalogue at the calls of create, start, stop and delete, and a process that is killed in the middle of
them: nothing is lost, nothing is left, nothing is made twice."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ez.errors import CapacityError, CloudError
from ez.events import null_sink
from ez.providers.azure import Azure
from tests.emulators.azure import Emulator
from tests.emulators.azure.faults import AT_ONCE, LATER
from tests.providers.azure.conftest import ORDER, Make

Change = Callable[[Azure], Any]

PASSING = (
    "AnotherOperationInProgress",
    "Conflict",
    "GatewayTimeout",
    "InUseNetworkSecurityGroupCannotBeDeleted",
    "InUseSubnetCannotBeDeleted",
    "InternalServerError",
    "MissingSubscriptionRegistration",
    "NicInUse",
    "OperationPreemptedByAnotherOperation",
    "PublicIPAddressCannotBeDeleted",
    "ReferencedResourceNotProvisioned",
    "ResourceCollectionRequestsThrottled",
    "ResourceGroupBeingDeleted",
    "RetryableError",
    "RetryableErrorDueToAnotherOperation",
    "ServerTimeout",
    "ServiceUnavailable",
    "SubscriptionRequestsThrottled",
    "TooManyRequests",
)
"""What is over when it is asked again."""

PLACE = ("InvalidResourceReference", "NotFound", "ResourceGroupNotFound", "ResourceNotFound")
"""What says that the group or the network has just gone: they are made again."""

MACHINE = "virtualMachines.create"
PARTS = (
    "resourceGroups.create",
    "virtualNetworks.create",
    "publicIPAddresses.create",
    "networkSecurityGroups.create",
    "networkInterfaces.create",
)
REFUSALS = (
    *((code, MACHINE) for code in sorted(AT_ONCE)),
    *(
        (code, part)
        for part in PARTS
        for code in ("AuthorizationFailed", "RetryableError", "PublicIPCountLimitReached")
    ),
)
"""Each code at the call that costs, and some at each of the others."""

USABLE = (
    "OSProvisioningTimedOut",
    "VMAgentStatusCommunicationError",
    "VMExtensionHandlerNonTransientError",
    "VMExtensionProvisioningError",
)


def create(provider: Azure) -> Any:
    return provider.create(ORDER, null_sink)


def start(provider: Azure) -> Any:
    return provider.start("gpu1", null_sink)


def stop(provider: Azure) -> Any:
    return provider.stop("gpu1", null_sink)


def delete(provider: Azure) -> Any:
    return provider.delete("gpu1", null_sink)


CHANGES: dict[Change, tuple[str, str]] = {
    start: ("virtualMachines.start", "running"),
    stop: ("virtualMachines.deallocate", "deallocated"),
    delete: ("virtualMachines.delete", "gone"),
}
"""What changes a machine -> the call that does it, and how the machine is then."""


def raised_by(change: Change, provider: Azure) -> CloudError | None:
    try:
        change(provider)
    except CloudError as error:
        return error
    return None


def power(provider: Azure) -> str:
    found = provider.machine("gpu1")
    return found.power if found else "gone"


@pytest.mark.parametrize(("code", "route"), REFUSALS)
def test_create_refused(azure: Emulator, provider: Azure, code: str, route: str) -> None:
    """It is made all the same, or an error in words is raised and nothing that costs is left."""
    azure.fault(route, code)
    error = raised_by(create, provider)
    if error is None:
        assert code in PASSING + PLACE
    else:
        assert error.hint
        assert code in error.message
        assert azure.rate == 0
        assert [each for each in azure.resources() if ORDER.create_id in each] == []
    azure.mend()
    delete(provider)
    assert azure.resources() == []


@pytest.mark.parametrize("code", sorted(LATER))
def test_create_that_fails_later(azure: Emulator, provider: Azure, code: str) -> None:
    azure.fault(MACHINE, code)
    error = raised_by(create, provider)
    assert (error is None) is (code in USABLE)
    if error is None:
        assert provider.create(ORDER, null_sink).create_id == ORDER.create_id
    else:
        assert isinstance(error, CapacityError) is ("Alloc" in code or "Overconstrained" in code)
        assert azure.rate == 0
    azure.advance(200)
    delete(provider)
    assert azure.resources() == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "code", ["AllocationFailed", "Conflict", "ScopeLocked", "OperationPreempted", "TooManyRequests"]
)
def test_a_change_that_fails_can_be_made_again(azure: Emulator, provider: Azure, change: Change, code: str) -> None:
    create(provider)
    if change is start:
        stop(provider)
    route, then = CHANGES[change]
    fault = azure.fault(route, code)
    error = raised_by(change, provider)
    assert error is None or (error.hint and code in error.message)
    assert fault.seen
    azure.mend()
    change(provider)
    assert power(provider) == then
    delete(provider)
    assert azure.resources() == []


@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("route", [*PARTS, MACHINE, "disks.update"])
def test_answers_that_never_arrive(azure: Emulator, provider: Azure, route: str, lost: Any) -> None:
    """A lost answer to a create is asked for again; the machine that was made by it is not made twice."""
    azure.fault(route, lose=lost)
    assert create(provider).power == "running"
    assert len([each for each in azure.resources() if each.endswith("/virtualMachines/gpu1")]) == 1
    delete(provider)
    assert azure.resources() == []


@pytest.fixture
def warm(azure: Emulator, make: Make) -> None:
    """Import the SDKs here, once, and not in each child."""
    create(make())
    delete(make())


@pytest.mark.usefixtures("warm")
def test_killed_at_any_write_of_a_create(azure: Emulator, make: Make) -> None:
    """Whatever the next run does, nothing is there twice, and in the end nothing is left."""
    for call in range(1, 99):
        killed = killed_at(call, azure, make(), create)
        if call % 3:
            went_on(make(), call % 3 == 1)
            parts = [each for each in azure.resources() if ORDER.create_id in each and "/securityRules/" not in each]
            assert len(parts) == 4
            assert len([each for each in azure.resources() if "/roleAssignments/" in each]) == 1
        delete(make())
        assert azure.resources() == []
        if not killed:
            return
    raise AssertionError("it never ends")


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("change", CHANGES)
def test_killed_at_any_write_of_a_change(azure: Emulator, make: Make, change: Change) -> None:
    for call in range(1, 99):
        create(make())
        if change is start:
            stop(make())
        killed = killed_at(call, azure, make(), change)
        change(make())
        assert power(make()) == CHANGES[change][1]
        if change is stop:
            start(make())
        if not killed:
            break
    delete(make())
    assert azure.resources() == []


def went_on(provider: Azure, starts: bool) -> None:
    """What the next run does: it starts what it finds, or gives the same order again with another document."""
    if starts and provider.machine("gpu1"):
        assert start(provider).power == "running"
    else:
        order = replace(ORDER, user_data="#cloud-config\n{}")
        assert provider.create(order, null_sink).create_id == ORDER.create_id


def killed_at(call: int, azure: Emulator, provider: Azure, change: Change) -> bool:
    """Run the change in a process of its own that is killed at its `call`-th call of those that change something, once
    that is done and before it is answered. False if the change came to its end. (All calls: compute/fault_table.py.)
    """
    azure.cloud.log.clear()
    child = os.fork()
    if child == 0:
        try:
            change(provider)
        finally:
            os._exit(0)

    def kill(entry: object) -> None:
        if len(azure.cloud.log.writes()) >= call:
            os.kill(child, signal.SIGKILL)

    azure.on_call(kill)
    _, status = os.waitpid(child, 0)
    azure.on_call(None)
    return os.WIFSIGNALED(status)
