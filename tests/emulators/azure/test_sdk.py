"""The real clients of Azure at the emulator: their models, their pollers, their sign-in."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.core.pipeline.policies import AzureKeyCredentialPolicy
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.storage import StorageManagementClient

from tests.emulators.azure import Emulator
from tests.emulators.azure.asking import KEY, body_of_machine, finished, make_machine

Client = Callable[[Any], Any]


@pytest.fixture
def client(azure: Emulator) -> Client:
    """Makes clients that send a token as it is, since the clients' own sign-in insists on TLS."""

    def make(kind: Any) -> Any:
        policy = AzureKeyCredentialPolicy(AzureKeyCredential("rehearsal"), "Authorization", prefix="Bearer")
        return kind(object(), azure.subscription, base_url=azure.url, authentication_policy=policy)

    return make


def test_the_life_of_a_machine(azure: Emulator, client: Client) -> None:
    compute, network, groups = (
        client(kind) for kind in (ComputeManagementClient, NetworkManagementClient, ResourceManagementClient)
    )
    assert groups.resource_groups.create_or_update("demo", {"location": "eastus"}).location == "eastus"
    subnet = {"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}
    body = {
        "location": "eastus",
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]},
    }
    net = network.virtual_networks.begin_create_or_update("demo", "net", body).result()
    one = net.subnets[0]
    # As for everybody who uses a version of 2025-07-01 or later.
    assert (net.provisioning_state, one.default_outbound_access) == ("Succeeded", False)
    machines = compute.virtual_machines
    made = machines.begin_create_or_update("demo", "box", body_of_machine(one.id, KEY)).result()
    assert (made.provisioning_state, made.hardware_profile.vm_size) == ("Succeeded", "Standard_D2s_v5")
    assert [item.code for item in machines.instance_view("demo", "box").statuses][1] == "PowerState/running"
    for begin, power in (
        (machines.begin_power_off, "stopped"), (machines.begin_deallocate, "deallocated"),
        (machines.begin_start, "running"), (machines.begin_restart, "running"),
    ):  # fmt: skip
        begin("demo", "box").result()
        found = next(iter(machines.list_all(status_only="true")))
        assert found.instance_view.statuses[1].code == f"PowerState/{power}"
    assert next(iter(network.public_ip_addresses.list_all())).ip_address == "203.0.113.1"
    machines.begin_delete("demo", "box").result()
    assert not [item for item in azure.resources() if "Compute" in item or "publicIP" in item or "Interface" in item]
    groups.resource_groups.begin_delete("demo").result()
    assert (azure.count(), azure.rate) == (0, 0)


def test_errors_come_as_the_client_knows_them(azure: Emulator, client: Client) -> None:
    machines = client(ComputeManagementClient).virtual_machines
    azure.shortage("Standard_D2s_v5")
    finished(azure, make_machine(azure))
    one = next(item for item in azure.resources() if "/subnets/" in item)
    with pytest.raises(HttpResponseError) as caught:
        machines.begin_create_or_update("demo", "other", body_of_machine(one, KEY)).result()
    assert caught.value.error is not None
    assert (caught.value.status_code, caught.value.error.code) == (200, "AllocationFailed")
    azure.quota("cores", 1)
    with pytest.raises(ResourceExistsError) as refused:
        machines.begin_create_or_update("demo", "third", body_of_machine(one, KEY))
    assert refused.value.error is not None
    assert refused.value.error.code == "OperationNotAllowed"


def test_sizes_and_quota(client: Client) -> None:
    compute = client(ComputeManagementClient)
    skus = {item.name: item for item in compute.resource_skus.list(filter="location eq 'westus2'")}
    capabilities = {item.name: item.value for item in skus["Standard_NC4as_T4_v3"].capabilities}
    assert (capabilities["GPUs"], capabilities["vCPUs"]) == ("1", "4")
    families = {item.name.value for item in compute.usage.list("westus2")}
    assert {item.family for item in skus.values()} <= families


def test_accounts_and_shares(azure: Emulator, client: Client) -> None:
    storage = client(StorageManagementClient)
    client(ResourceManagementClient).resource_groups.create_or_update("demo", {"location": "eastus"})
    accounts, shares, one = storage.storage_accounts, storage.file_shares, ("demo", "ezdemo1")
    sku = {"location": "eastus", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    assert accounts.begin_create(*one, sku).result().provisioning_state == "Succeeded"
    assert accounts.check_name_availability({"name": "ezdemo1"}).name_available is False
    assert accounts.update(*one, {"tags": {"who": "ana"}}).tags == {"who": "ana"}
    before = accounts.list_keys(*one).keys_property
    after = accounts.regenerate_key(*one, {"keyName": "key1"}).keys_property
    assert [key.value == old.value for key, old in zip(after, before, strict=True)] == [False, True]
    assert storage.file_services.get_service_properties(*one).name == "default"
    assert shares.create(*one, "data", {"properties": {"shareQuota": 10}}).share_quota == 10
    assert shares.update(*one, "data", {"properties": {"shareQuota": 20}}).share_quota == 20
    assert shares.get(*one, "data", expand="stats").share_usage_bytes == 0
    with pytest.raises(ResourceNotFoundError):
        shares.update(*one, "other", {"properties": {"shareQuota": 20}})
    assert [share.name for share in shares.list(*one)] == ["data"]
    shares.delete(*one, "data")
    accounts.delete(*one)
    assert azure.count() == 1


def test_signing_in_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(tls=True) as azure:
        azure.program("client", "secret")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.authority))

        def groups(secret: str) -> Any:
            credential = ClientSecretCredential(
                azure.tenant, "client", secret, authority=azure.https_url, disable_instance_discovery=True
            )
            return ResourceManagementClient(credential, azure.subscription, base_url=azure.https_url).resource_groups

        signed_in = groups("secret")
        assert signed_in.create_or_update("demo", {"location": "eastus"}).name == "demo"
        with pytest.raises(ClientAuthenticationError):
            groups("wrong").list().next()
        azure.cloud.directory.signed_out = True
        with pytest.raises(ClientAuthenticationError):
            signed_in.get("demo")
