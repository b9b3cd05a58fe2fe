"""What is on the wire, call by call: headers, spellings, refusals."""

from pathlib import Path
from typing import Any

import pytest

from tests.emulators.azure import Emulator
from tests.emulators.azure.asking import KEY, MACHINE, ask, body_of_machine, finished, make_machine, network


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/subscriptions", {"token": ""}, 401, "AuthenticationFailed"),
        ("GET", "/subscriptions", {"token": "nonsense"}, 401, "InvalidAuthenticationToken"),
        ("GET", "/subscriptions", {"version": ""}, 400, "MissingApiVersionParameter"),
        ("GET", "/subscriptions/22222222-0000-0000-0000-000000000000/resourcegroups", {}, 404, "SubscriptionNotFound"),
        ("GET", "{group}", {}, 404, "ResourceGroupNotFound"),
        ("DELETE", MACHINE, {}, 404, "ResourceGroupNotFound"),
        ("GET", "{group}/providers/Microsoft.Sql/servers/one", {}, 501, "NotImplemented"),
    ],
)
def test_what_it_refuses(
    azure: Emulator, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    answer = ask(azure, method, path, **options)
    assert (answer.status, answer.code) == (status, code)
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_machine_is_made_as_azure_makes_it(azure: Emulator) -> None:
    made = make_machine(azure, zones=["2"])
    assert (made.status, made.body["properties"]["provisioningState"]) == (201, "Creating")
    assert made.headers["retry-after"] == "10"
    assert "location" not in made.headers
    assert "customData" not in made.body["properties"]["osProfile"]
    assert made.body["properties"]["storageProfile"]["imageReference"]["exactVersion"] == "24.04.202611120"
    where = made.headers["azure-asyncoperation"]
    assert len(where) > 2000
    assert ask(azure, "GET", where.replace("&h=", "&h=0")).status == 404
    first = ask(azure, "GET", where).body
    assert set(first) == {"startTime", "status", "name"}
    last = finished(azure, made).body
    assert (last["status"], set(last)) == ("Succeeded", {"startTime", "endTime", "status", "name"})
    assert ask(azure, "GET", MACHINE.replace("box", "BOX")).body["name"] == "box"
    listed = ask(azure, "GET", f"/subscriptions/{azure.subscription}/providers/Microsoft.Compute/virtualMachines")
    assert "/resourceGroups/DEMO/" in listed.body["value"][0]["id"]


def test_power_is_seen_while_it_changes(azure: Emulator) -> None:
    finished(azure, make_machine(azure))
    seen = [azure.machine("box").power]
    for action in ("powerOff", "deallocate", "start"):
        begun = ask(azure, "POST", f"{MACHINE}/{action}")
        assert begun.status == 202
        assert {"location", "azure-asyncoperation"} <= set(begun.headers)
        view = ask(azure, "GET", f"{MACHINE}/instanceView").body
        assert view["statuses"][0]["code"] == "ProvisioningState/updating"
        seen.append(view["statuses"][1]["code"].partition("/")[2])
        finished(azure, begun)
        assert ask(azure, "GET", begun.headers["location"]).status == 200
        seen.append(azure.machine("box").power)
        assert ("vmAgent" in ask(azure, "GET", f"{MACHINE}/instanceView").body) == (action != "deallocate")
    assert seen == ["running", "stopping", "stopped", "deallocating", "deallocated", "starting", "running"]


def test_what_stands_in_the_way_is_told(azure: Emulator) -> None:
    finished(azure, make_machine(azure))
    interface = azure.machine("box").interfaces[0]["id"]
    group = MACHINE.partition("/providers")[0]
    addresses = ask(azure, "GET", f"{group}/providers/Microsoft.Network/publicIPAddresses").body["value"]
    refused = {
        ask(azure, "DELETE", path).code
        for path in (interface, addresses[0]["id"], f"{group}/providers/Microsoft.Network/virtualNetworks/net")
    }
    assert refused == {"NicInUse", "PublicIPAddressCannotBeDeleted", "InUseSubnetCannotBeDeleted"}
    assert ask(azure, "DELETE", azure.machine("box").disk_id).code == "OperationNotAllowed"
    begun = ask(azure, "POST", f"{MACHINE}/restart")
    assert ask(azure, "PATCH", MACHINE, {"tags": {}}).code == "Conflict"
    assert ask(azure, "DELETE", MACHINE).status == 202
    assert finished(azure, begun).body["error"]["code"] == "OperationPreempted"


def test_groups_go_with_all_that_is_in_them(azure: Emulator) -> None:
    finished(azure, make_machine(azure))
    gone = ask(azure, "DELETE", "{group}")
    assert set(gone.headers) >= {"location", "retry-after"}
    assert "azure-asyncoperation" not in gone.headers
    assert ask(azure, "PUT", "{group}", {"location": "eastus"}).code == "ResourceGroupBeingDeleted"
    assert finished(azure, gone).status == 200
    assert (azure.count(), azure.rate) == (0, 0)
    assert azure.bill() > 0


def test_an_etag_that_is_old_changes_nothing(azure: Emulator) -> None:
    network(azure)
    path = "{group}/providers/Microsoft.Network/networkSecurityGroups/door"
    finished(azure, ask(azure, "PUT", path, {"location": "eastus"}))
    etag = ask(azure, "GET", path).headers["etag"]
    finished(azure, ask(azure, "PUT", path, {"location": "eastus", "tags": {"a": "b"}}, headers={"If-Match": etag}))
    late = ask(azure, "PUT", path, {"location": "eastus"}, headers={"If-Match": etag})
    assert (late.status, late.code) == (412, "PreconditionFailed")
    assert ask(azure, "PUT", path, {"location": "eastus"}, headers={"If-None-Match": "*"}).status == 412


def test_what_is_not_ready_cannot_be_used(azure: Emulator) -> None:
    network(azure)
    group = MACHINE.partition("/providers")[0]
    body = {"location": "eastus", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    address = ask(azure, "PUT", f"{group}/providers/Microsoft.Network/publicIPAddresses/one", body).body["id"]
    subnet = {"id": f"{address.partition('/providers')[0]}/providers/Microsoft.Network/virtualNetworks/net/subnets/one"}
    one = {"name": "one", "properties": {"subnet": subnet, "publicIPAddress": {"id": address}}}
    path = f"{group}/providers/Microsoft.Network/networkInterfaces/nic"
    early = ask(azure, "PUT", path, {"location": "eastus", "properties": {"ipConfigurations": [one]}})
    assert (early.status, early.code) == (429, "ReferencedResourceNotProvisioned")
    azure.advance(10)
    made = ask(azure, "PUT", path, {"location": "eastus", "properties": {"ipConfigurations": [one]}})
    assert (made.status, made.body["properties"]["provisioningState"]) == (201, "Succeeded")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"size": "Standard_Huge"}, 400, "InvalidParameter"),
        ({"user": "admin"}, 400, "InvalidParameter"),
        ({"zones": ["9"]}, 400, "AvailabilityZoneNotSupported"),
        ({"data": b"x" * 65536}, 400, "InvalidParameter"),
        ({"size": "Standard_D2ps_v5"}, 400, "InvalidParameter"),
        ({"image": {"publisher": "a", "offer": "b", "sku": "c", "version": "latest"}}, 404, "PlatformImageNotFound"),
        (
            {
                "size": "Standard_NC24ads_A100_v4",
                "image": {
                    "publisher": "Canonical",
                    "offer": "0001-com-ubuntu-server-jammy",
                    "sku": "22_04-lts",
                    "version": "latest",
                },
            },
            400,
            "BadRequest",
        ),
        (
            {"priority": "Spot", "billingProfile": {"maxPrice": 0.001}},
            409,
            "SpotPriceGreaterThanProvidedMaxPrice",
        ),
        ({"evictionPolicy": "Delete"}, 400, "EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines"),
    ],
)
def test_bodies_that_are_wrong(azure: Emulator, changes: dict[str, Any], status: int, code: str) -> None:
    answer = make_machine(azure, **changes)
    assert (answer.status, answer.code) == (status, code)
    assert "virtualMachines" not in str(azure.resources())


def test_a_machine_is_not_made_anew(azure: Emulator) -> None:
    finished(azure, make_machine(azure))
    body = body_of_machine(network_of(azure), KEY, data=b"#cloud-config\n")
    assert ask(azure, "PUT", MACHINE, body).code == "PropertyChangeNotAllowed"
    resized = ask(azure, "PATCH", MACHINE, {"properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}}})
    assert (resized.status, resized.body["properties"]["provisioningState"]) == (200, "Updating")
    finished(azure, resized)
    assert azure.machine("box").size.cpus == 4


def network_of(azure: Emulator) -> str:
    return next(one for one in azure.resources() if "/subnets/" in one)


def test_registration_takes_its_time(azure: Emulator) -> None:
    azure.unregister("Microsoft.Network")
    ask(azure, "PUT", "{group}", {"location": "eastus"})
    path = "{group}/providers/Microsoft.Network/networkSecurityGroups/door"
    refused = ask(azure, "PUT", path, {"location": "eastus"})
    assert (refused.status, refused.code) == (409, "MissingSubscriptionRegistration")
    assert refused.body["error"]["message"].endswith("'Microsoft.Network'")
    where = f"/subscriptions/{azure.subscription}/providers/Microsoft.Network"
    assert ask(azure, "POST", f"{where}/register").body["registrationState"] == "Registering"
    azure.advance(30)
    assert ask(azure, "GET", where).body["registrationState"] == "Registered"
    assert ask(azure, "PUT", path, {"location": "eastus"}).status == 201


def test_lists_come_in_pages_and_late(azure: Emulator) -> None:
    azure.seed(5)
    azure.settings.page_size = 2
    path = f"/subscriptions/{azure.subscription}/providers/Microsoft.Compute/virtualMachines"
    names, answer = [], ask(azure, "GET", f"{path}?statusOnly=true")
    while True:
        names += [one["name"] for one in answer.body["value"]]
        assert all("instanceView" in one["properties"] and "tags" not in one for one in answer.body["value"])
        if "nextLink" not in answer.body:
            break
        answer = ask(azure, "GET", answer.body["nextLink"])
    assert len(set(names)) == 5
    azure.settings.page_size, azure.settings.lag = 100, 600
    gone = names[0]
    box = MACHINE.replace("demo", "seeded").replace("box", gone).replace("{group}", group_of_seeded(azure))
    finished(azure, ask(azure, "DELETE", box))
    finished(azure, make_machine(azure))
    shown = {one["name"] for one in ask(azure, "GET", path).body["value"]}
    assert gone in shown
    assert "box" not in shown
    azure.advance(600)
    shown = {one["name"] for one in ask(azure, "GET", path).body["value"]}
    assert gone not in shown
    assert "box" in shown


def group_of_seeded(azure: Emulator) -> str:
    return f"/subscriptions/{azure.subscription}/resourceGroups/seeded"


def test_too_many_calls_are_told_to_wait(azure: Emulator) -> None:
    azure.clock.as_recorded = True
    azure.throttle("subscriptions.list", 2, refill=0.01)
    answers = [ask(azure, "GET", "/subscriptions") for _ in range(3)]
    assert [one.status for one in answers] == [200, 200, 429]
    assert answers[2].code == "TooManyRequests"
    assert int(answers[2].headers["retry-after"]) >= 1
    assert int(ask(azure, "GET", "{group}").headers.get("x-ms-ratelimit-remaining-subscription-reads", 0)) >= 0
    azure.advance(1000)
    assert ask(azure, "GET", "/subscriptions").status == 200


def test_headers_exactly_as_recorded(azure: Emulator, tmp_path: Path) -> None:
    made = make_machine(azure)
    azure.clock.as_recorded = True
    assert ask(azure, "GET", made.headers["azure-asyncoperation"]).headers["retry-after"] == "35"
