"""What there is not enough of, what goes wrong, and what it costs meanwhile."""

import http.client
from typing import Any

import pytest

from tests.emulators.azure import Emulator
from tests.emulators.azure.asking import KEY, MACHINE, ask, body_of_machine, finished, make_machine
from tests.emulators.azure.log import Entry


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("Standard_D2s_v5", {}, "approved standardDSv5Family Cores quota"),
        ("cores", {}, "approved Total Regional Cores quota"),
        ("lowPriorityCores", {"priority": "Spot"}, "approved LowPriorityCores quota"),
    ],
)
def test_quota(azure: Emulator, name: str, changes: dict[str, Any], words: str) -> None:
    azure.quota(name, 1)
    answer = make_machine(azure, **changes)
    assert (answer.status, answer.code) == (409, "OperationNotAllowed")
    message = answer.body["error"]["message"]
    assert words in message
    assert "Current Limit: 1, Current Usage: 0, Additional Required: 2, (Minimum) New Limit Required: 2." in message


def test_a_deallocated_machine_still_counts(azure: Emulator) -> None:
    azure.quota("cores", 3)
    finished(azure, make_machine(azure))
    finished(azure, ask(azure, "POST", f"{MACHINE}/deallocate"))
    path = f"/subscriptions/{azure.subscription}/providers/Microsoft.Compute/locations/eastus/usages"
    usages = {one["name"]["value"]: one["currentValue"] for one in ask(azure, "GET", path).body["value"]}
    assert (usages["cores"], usages["standardDSv5Family"], usages["virtualMachines"]) == (2, 2, 1)
    subnet = next(one for one in azure.resources() if "/subnets/" in one)
    box2, body = MACHINE.replace("box", "box2"), body_of_machine(subnet, KEY)
    assert ask(azure, "PUT", box2, body).code == "OperationNotAllowed"
    azure.quota("cores", 4)
    finished(azure, ask(azure, "PUT", box2, body))
    larger = {"properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}}}
    assert ask(azure, "PATCH", MACHINE, larger).code == "OperationNotAllowed"


@pytest.mark.parametrize(("changes", "code"), [({}, "AllocationFailed"), ({"zones": ["1"]}, "ZonalAllocationFailed")])
def test_no_room_is_told_at_the_end_and_leaves_debris(azure: Emulator, changes: dict[str, Any], code: str) -> None:
    azure.shortage("Standard_D2s_v5", zone=(changes.get("zones") or [""])[0])
    made = make_machine(azure, **changes)
    assert made.status == 201
    told = finished(azure, made)
    assert (told.status, told.body["status"], told.body["error"]["code"]) == (200, "Failed", code)
    view = ask(azure, "GET", f"{MACHINE}/instanceView").body
    assert view["statuses"][0]["code"] == f"ProvisioningState/failed/{code}"
    interface = azure.machine("box").interfaces[0]["id"]
    finished(azure, ask(azure, "PATCH", MACHINE, {"properties": {"networkProfile": {"networkInterfaces": [
        {"id": interface, "properties": {"deleteOption": "Detach"}}]}}}))  # fmt: skip
    finished(azure, ask(azure, "DELETE", MACHINE))
    assert ask(azure, "DELETE", interface).code == "NicReservedForAnotherVm"
    azure.advance(180)
    assert ask(azure, "DELETE", interface).status == 202


def test_no_room_for_spot_is_told_at_once(azure: Emulator) -> None:
    azure.shortage("Standard_D2s_v5", spot=True)
    answer = make_machine(azure, priority="Spot")
    assert (answer.status, answer.code) == (409, "SkuNotAvailable")
    azure.restrict("Standard_D4s_v5", "eastus", "1")
    assert make_machine_again(azure, size="Standard_D4s_v5", zones=["1"]).code == "SkuNotAvailable"
    path = f"/subscriptions/{azure.subscription}/providers/Microsoft.Compute/skus?$filter=location%20eq%20'eastus'"
    restricted = [one for one in ask(azure, "GET", path).body["value"] if one["restrictions"]]
    assert [one["name"] for one in restricted] == ["Standard_D4s_v5"]
    assert restricted[0]["restrictions"][0]["restrictionInfo"]["zones"] == ["1"]


def make_machine_again(azure: Emulator, **changes: Any) -> Any:
    subnet = next(one for one in azure.resources() if "/subnets/" in one)
    return ask(azure, "PUT", MACHINE, body_of_machine(subnet, KEY, **changes))


def test_there_is_room_for_so_many(azure: Emulator) -> None:
    azure.shortage("Standard_D2s_v5", free=1)
    finished(azure, make_machine(azure))
    finished(azure, ask(azure, "POST", f"{MACHINE}/deallocate"))
    other = MACHINE.replace("box", "box2")
    subnet = next(one for one in azure.resources() if "/subnets/" in one)
    assert finished(azure, ask(azure, "PUT", other, body_of_machine(subnet, KEY))).body["status"] == "Succeeded"
    told = finished(azure, ask(azure, "POST", f"{MACHINE}/start"))
    assert told.body["error"]["code"] == "AllocationFailed"
    assert azure.machine("box").power == "deallocated"


def test_a_spot_machine_is_taken_away(azure: Emulator) -> None:
    finished(azure, make_machine(azure, priority="Spot", evictionPolicy="Deallocate"))
    assert ask(azure, "POST", f"{MACHINE}/simulateEviction").status == 204
    events = ask(azure, "GET", "/metadata/scheduledevents", token="", headers=AT_BOX, version="2020-07-01").body[
        "Events"
    ]
    assert [one["EventType"] for one in events] == ["Preempt"]
    azure.advance(30)
    assert azure.machine("box").power == "deallocating"
    azure.advance(30)
    assert azure.machine("box").power == "deallocated"


AT_BOX = {"Metadata": "true", "X-Emulator-Machine": "box"}


def test_a_machine_may_stop_itself_alone(azure: Emulator) -> None:
    finished(azure, make_machine(azure))
    machine = azure.machine("box")
    role = f"{machine.id}/providers/Microsoft.Authorization/roleAssignments/0b7c1a6e-0000-4000-8000-000000000001"
    path = "/metadata/identity/oauth2/token?resource=https://management.azure.com/"
    token = ask(azure, "GET", path, token="", headers=AT_BOX, version="2018-02-01").body["access_token"]
    assert ask(azure, "POST", f"{MACHINE}/deallocate", token=token).code == "AuthorizationFailed"
    definition = f"/subscriptions/{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{POWER}"
    principal = machine.top["identity"]["principalId"]
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    assert ask(azure, "PUT", role, {"properties": properties}).status == 201
    assert ask(azure, "POST", f"{MACHINE}/deallocate", token=token).status == 202
    assert ask(azure, "DELETE", MACHINE, token=token).code == "AuthorizationFailed"
    assert ask(azure, "POST", f"{MACHINE}2/deallocate", token=token).code == "AuthorizationFailed"


POWER = "40c5ff49-9181-41f8-ae61-143b0e78555e"


def test_the_daily_schedule_stops_a_machine(azure: Emulator) -> None:
    finished(azure, make_machine(azure))
    path = "{group}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-box"
    properties = {
        "status": "Enabled",
        "taskType": "ComputeVmShutdownTask",
        "dailyRecurrence": {"time": "1730"},
        "timeZoneId": "UTC",
        "targetResourceId": azure.machine("box").id,
    }
    assert ask(azure, "PUT", path, {"location": "eastus", "properties": properties}).status == 201
    azure.advance(24 * 3600)
    assert azure.machine("box").power == "deallocated"
    wrong = path.replace("-box", "-other")
    assert ask(azure, "PUT", wrong, {"location": "eastus", "properties": properties}).status == 400


def test_what_it_costs(azure: Emulator) -> None:
    """`stopped` is paid for, `deallocated` is not; disk and address are paid for as long as they are there."""
    finished(azure, make_machine(azure))
    whole = azure.rate
    assert whole == pytest.approx(0.096 + 0.005 + 10.21 / 730, abs=1e-6)
    finished(azure, ask(azure, "POST", f"{MACHINE}/powerOff"))
    assert azure.rate == whole
    finished(azure, ask(azure, "POST", f"{MACHINE}/deallocate"))
    assert azure.rate == pytest.approx(whole - 0.096)
    before = azure.bill()
    azure.advance(3600)
    assert azure.bill() - before == pytest.approx(azure.rate)
    finished(azure, ask(azure, "DELETE", MACHINE))
    assert azure.rate == 0


def test_faults_strike_the_call_that_they_are_for(azure: Emulator) -> None:
    azure.fault("resourceGroups.get", "InternalServerError", nth=2)
    azure.fault("virtualMachines.create", "OSProvisioningTimedOut")
    finished_with = finished(azure, make_machine(azure)).body["error"]["code"]
    assert (finished_with, azure.machine("box").power) == ("OSProvisioningTimedOut", "running")
    assert [ask(azure, "GET", "{group}").status for _ in range(3)] == [200, 500, 200]
    azure.fault("resourceGroups.delete", lose="after")
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(azure, "DELETE", "{group}")
    azure.advance(100)
    assert azure.count() == 0
    assert azure.calls("virtualMachines.*") == 1


def test_it_tells_of_a_call_before_its_reply(azure: Emulator) -> None:
    seen: list[tuple[Entry, int]] = []
    azure.on_call(lambda entry: seen.append((entry, azure.count())))
    ask(azure, "PUT", "{group}", {"location": "eastus"})
    assert [(entry.route, entry.status, count) for entry, count in seen] == [("resourceGroups.create", 201, 1)]


def test_the_side_endpoint_does_the_same(azure: Emulator) -> None:
    assert (
        ask(azure, "POST", "/emulator/faults", {"route": "subscriptions.list", "code": "ServiceUnavailable"}).status
        == 201
    )
    assert ask(azure, "GET", "/subscriptions").status == 503
    assert ask(azure, "PUT", "/emulator/quota", {"name": "cores", "limit": 0}).status == 204
    assert make_machine(azure).code == "OperationNotAllowed"
    state = ask(azure, "GET", "/emulator/state", token="").body
    assert (state["count"], state["rate"]) == (azure.count(), 0)
    log = ask(azure, "GET", "/emulator/log?route=virtualMachines.*").body
    assert [(one["route"], one["status"], one["code"]) for one in log] == [
        ("virtualMachines.create", 409, "OperationNotAllowed")
    ]
