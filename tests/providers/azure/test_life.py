"""A machine's life on the emulator, through the real SDKs."""

import time
from dataclasses import replace

import pytest

from ez.errors import CapacityError, CloudError, ConfigError, SignInError, UsageError
from ez.events import Event, Notice, Output, null_sink
from ez.models import Computer, SshEndpoint
from ez.providers.azure import Azure
from ez.providers.base import Machine, Offer, Size
from ez.providers.registry import provider as registered
from ez.state import State
from tests.emulators.azure import Emulator
from tests.providers.azure.conftest import D4, OFFER, ORDER, Make

D8 = replace(D4, name="Standard_D8s_v5", cpus=8, memory=32)


def test_it_is_registered_and_costs_nothing_to_make(state: State) -> None:
    made = registered("azure", state)
    state.save_computer(Computer("vm", "azure", SshEndpoint("20.1.2.3")))
    state.save_computer(Computer("box", "byo", SshEndpoint("box")))
    assert [each.name for each in made.list()] == ["vm"]
    assert made.find("box") is made.find("nobody") is None
    assert D4.name in {size.name for size in made.sizes()}


@pytest.mark.parametrize("lag", [10, 300])
def test_lists_that_are_behind(azure: Emulator, make: Make, lag: float) -> None:
    """What was made a moment ago is not in a list, what was deleted still is: nothing is left all the same."""
    azure.cloud.settings.lag = lag
    made = make().create(ORDER, null_sink)
    assert make().create(ORDER, null_sink).id == made.id
    assert make().machine("gpu1") == made
    make().delete("gpu1", null_sink)
    azure.advance(lag)
    assert make().leftovers(frozenset()) == []
    assert azure.resources() == []


def test_made_stopped_started_and_gone(azure: Emulator, provider: Azure) -> None:
    lines: list[Event] = []
    made = provider.create(ORDER, lines.append)
    assert (made.name, made.power, made.size, made.region) == ("gpu1", "running", "Standard_D4s_v5", "eastus")
    assert (made.owner, made.workspace, made.create_id) == ("ana", "team", ORDER.create_id)
    assert (made.user, made.host_keys, made.disk) == ("ana", ORDER.host_keys, 128)
    assert made.address
    assert any(isinstance(each, Output) and "Standard_D4s_v5" in each.line for each in lines)
    assert not any(isinstance(each, Notice) for each in lines)
    paid = azure.rate
    assert provider.create(replace(ORDER, user_data="#cloud-config\n{}"), null_sink) == made
    assert [provider.stop("gpu1", null_sink).power for _ in range(2)] == ["deallocated"] * 2
    assert azure.rate < paid
    started = [provider.start("gpu1", null_sink) for _ in range(2)]
    assert [(each.power, each.address) for each in started] == [("running", made.address)] * 2
    assert provider.restart("gpu1", null_sink).power == "running"
    assert provider.leftovers(frozenset()) == []
    for _ in range(2):
        provider.delete("gpu1", null_sink)
    assert azure.resources() == []
    assert azure.rate == 0
    assert provider.machine("gpu1") is None
    assert provider.leftovers(frozenset()) == []


def test_a_doomed_order_makes_nothing(azure: Emulator, provider: Azure) -> None:
    with pytest.raises(UsageError, match="user name"):
        provider.create(replace(ORDER, user="admin"), null_sink)
    assert azure.log == []


def test_a_new_subscription_is_registered_in_the_open(azure: Emulator, provider: Azure) -> None:
    azure.settings.registered = False
    events: list[Event] = []
    assert provider.create(ORDER, events.append).power == "running"
    told = [each.text for each in events if isinstance(each, Notice)]
    assert {text.split("`")[1] for text in told} >= {"Microsoft.Compute", "Microsoft.Network"}


@pytest.mark.parametrize("key", ["ecdsa-sha2-nistp256 AAAA", "sk-ssh-ed25519@openssh.com AAAA", "nothing"])
def test_keys_that_azure_does_not_take(azure: Emulator, provider: Azure, key: str) -> None:
    with pytest.raises(UsageError, match="Azure takes"):
        provider.create(replace(ORDER, public_key=key), null_sink)
    assert azure.log == []


def test_azure_asks_for_patience(azure: Emulator, provider: Azure) -> None:
    azure.throttle("virtualMachines.get", 1, 0.01)
    assert provider.create(ORDER, null_sink).power == "running"
    assert 429 in [entry.status for entry in azure.log]
    provider.delete("gpu1", null_sink)
    assert azure.resources() == []


def test_private_machines_are_in_their_network_alone(azure: Emulator, provider: Azure) -> None:
    made = provider.create(replace(ORDER, private=True, source=""), null_sink)
    assert made.address.startswith("10.89.")
    assert provider.machines() == [made]
    assert not [each for each in azure.resources() if "publicIP" in each or "securityRules" in each]
    provider.delete("gpu1", null_sink)
    assert azure.resources() == []


def test_spot_in_a_zone(azure: Emulator, provider: Azure) -> None:
    made = provider.create(replace(ORDER, spot=True, zone="2"), null_sink)
    assert (made.spot, made.zone) == (True, "2")
    azure.evict("gpu1")
    azure.advance(60)
    azure.advance(120)
    found = provider.machine("gpu1")
    assert found is not None
    assert found.power == "deallocated"
    assert provider.start("gpu1", null_sink).power == "running"


def test_a_name_is_somebodys_alone(azure: Emulator, make: Make) -> None:
    ana, bob = make(), make(owner="bob")
    made = ana.create(ORDER, null_sink)
    with pytest.raises(CloudError) as caught:
        bob.create(replace(ORDER, owner="bob", create_id="bbbbbbbbbbbb"), null_sink)
    assert caught.value.code == "NameTaken"
    before = azure.resources()
    for change in (bob.start, bob.stop, bob.restart, bob.delete):
        with pytest.raises(UsageError, match="`gpu1` is ana's"):
            change("gpu1", null_sink)
    with pytest.raises(UsageError, match="ana's"):
        bob.resize("gpu1", D8, null_sink)
    with pytest.raises(UsageError, match="ana's"):
        bob.admit("gpu1", "203.0.113.7/32")
    assert azure.resources() == before
    assert bob.machine("gpu1") == ana.machine("gpu1")
    other = bob.create(replace(ORDER, name="gpu2", owner="bob", create_id="bbbbbbbbbbbb"), null_sink)
    assert {(each.name, each.owner) for each in ana.machines()} == {("gpu1", "ana"), ("gpu2", "bob")}
    ana.delete("gpu1", null_sink)
    assert bob.start("gpu2", null_sink) == other
    assert made.id not in azure.resources()
    bob.delete("gpu2", null_sink)
    assert azure.resources() == []


def test_what_nobody_owns_is_found_and_removed(azure: Emulator, make: Make) -> None:
    """Of a create that ended in nothing and could not clean up; what is another person's stays."""
    ana, bob = make(), make(owner="bob")
    azure.fault("virtualMachines.create", "SkuNotAvailable")
    azure.fault("*.delete", "ScopeLocked", times=99)
    with pytest.raises(CapacityError):
        ana.create(ORDER, null_sink)
    azure.mend()
    assert ana.leftovers(frozenset({ORDER.create_id})) == []
    found = ana.leftovers(frozenset())
    kinds = ["network card", "address", "security group", "network", "group"]
    assert [(each.kind, each.owner) for each in found] == [(kind, "ana" if kind in kinds[:3] else "") for kind in kinds]
    assert [round(each.monthly, 2) for each in found] == [0, 3.65, 0, 0, 0]
    assert {each.create_id for each in found[:3]} == {ORDER.create_id}
    assert all(each.created for each in found[:3])
    with pytest.raises(UsageError, match="is ana's"):
        bob.remove(found[0], null_sink)
    for each in found * 2:
        ana.remove(each, null_sink)
    assert azure.resources() == []


def test_what_is_not_there(provider: Azure) -> None:
    for change in (provider.start, provider.stop, provider.restart):
        with pytest.raises(CloudError) as caught:
            change("gpu1", null_sink)
        assert (caught.value.code, caught.value.hint) == ("NotFound", "ez compute ls --all")
    provider.delete("gpu1", null_sink)
    assert provider.machines() == []


def test_resizing(azure: Emulator, provider: Azure) -> None:
    provider.create(ORDER, null_sink)
    grown = provider.resize("gpu1", D8, null_sink)
    assert (grown.size, grown.power) == ("Standard_D8s_v5", "running")
    provider.stop("gpu1", null_sink)
    assert provider.resize("gpu1", D4, null_sink).power == "deallocated"
    assert provider.resize("gpu1", D4, null_sink).size == "Standard_D4s_v5"


def test_no_room_for_another_size_gives_the_old_one_back(azure: Emulator, provider: Azure) -> None:
    provider.create(ORDER, null_sink)
    azure.shortage("Standard_D8s_v5", error="AllocationFailed")
    azure.shortage("Standard_D8s_v5", error="AllocationFailed")
    with pytest.raises(CapacityError):
        provider.resize("gpu1", D8, null_sink)
    found = provider.machine("gpu1")
    assert found is not None
    assert (found.size, found.power) == ("Standard_D4s_v5", "running")


def test_the_door(azure: Emulator, provider: Azure) -> None:
    def sources() -> list[str]:
        rules = [one for one in azure.cloud.store if one.kind.endswith("/securityRules")]
        return [str(one.properties["sourceAddressPrefix"]) for one in rules]

    provider.create(ORDER, null_sink)
    assert sources() == ["127.0.0.1/32"]
    for source in ("203.0.113.7/32", "203.0.113.7/32", "198.51.100.2/32"):
        provider.admit("gpu1", source)
    assert sources() == ["198.51.100.2/32"]
    for _ in range(2):
        provider.admit("gpu1", "")
    assert sources() == []
    assert provider.caller() == "127.0.0.1"


def test_the_daily_stop(azure: Emulator, provider: Azure) -> None:
    azure.unregister("Microsoft.DevTestLab")
    provider.create(ORDER, null_sink)
    with pytest.raises(UsageError, match="not a time of day"):
        provider.fence("gpu1", "2460")
    for _ in range(2):
        provider.fence("gpu1", "1930")
    azure.advance(86_400)
    azure.advance(120)
    found = provider.machine("gpu1")
    assert found is not None
    assert found.power == "deallocated"
    provider.delete("gpu1", null_sink)
    assert azure.resources() == []


def test_a_machine_may_stop_itself_and_nothing_else(azure: Emulator, provider: Azure) -> None:
    provider.create(ORDER, null_sink)
    roles = [one for one in azure.cloud.store if one.kind.endswith("roleAssignments")]
    assert [str(role.properties["scope"]).endswith("/virtualMachines/gpu1") for role in roles] == [True]
    role = azure.cloud.role(roles[0].properties["roleDefinitionId"])
    assert [action.rpartition("virtualMachines/")[2] for action in role["permissions"][0]["actions"]] == [
        "read",
        "instanceView/read",
        "deallocate/action",
        "Microsoft.DevTestLab/schedules/read",
        "Microsoft.DevTestLab/schedules/delete",
    ]


@pytest.mark.parametrize("action", ["Microsoft.Authorization/*", "Microsoft.Authorization/roleDefinitions/write"])
def test_without_the_right_to_give_rights(azure: Emulator, provider: Azure, action: str) -> None:
    azure.deny(action)
    events: list[Event] = []
    assert provider.create(ORDER, events.append).power == "running"
    warnings = [each.text for each in events if isinstance(each, Notice)]
    assert [("stop itself when it is idle: you may not do" in text) for text in warnings] == [True] * len(warnings)
    assert len(warnings) == (1 if action.endswith("*") else 0)
    azure.mend()
    provider.start("gpu1", null_sink)
    assert [one for one in azure.cloud.store if one.kind.endswith("roleAssignments")]


def test_a_workspaces_own_network(azure: Emulator, make: Make) -> None:
    provider = make(network="corp/office")
    with pytest.raises(CloudError, match="no network with a subnet: `corp/office`"):
        provider.create(ORDER, null_sink)
    arm = provider._arm
    arm.resources.resource_groups.create_or_update("corp", {"location": "eastus"})
    subnet = {"name": "default", "properties": {"addressPrefix": "10.1.0.0/24"}}
    body = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [subnet]}
    networks = arm.network.virtual_networks
    networks.begin_create_or_update("corp", "office", {"location": "eastus", "properties": body}).result()
    provider.create(ORDER, null_sink)
    far = replace(ORDER, name="far", create_id="c", offer=replace(OFFER, region="westeurope"))
    with pytest.raises(CapacityError, match="network is in eastus, not in westeurope") as caught:
        provider.create(far, null_sink)
    assert caught.value.blocks == ("westeurope", "", "", None)
    provider.delete("gpu1", null_sink)
    assert [each for each in azure.resources() if "/ez-team" in each] == []
    assert any(each.endswith("/virtualNetworks/office") for each in azure.resources())


def test_nobody_is_signed_in(azure: Emulator, provider: Azure) -> None:
    azure.cloud.directory.signed_out = True
    for call in (lambda: provider.check([OFFER], spot=False, image=""), lambda: provider.create(ORDER, null_sink)):
        with pytest.raises(SignInError, match="sign-in to Azure has expired") as caught:
            call()
        assert caught.value.exit_code == 4


def test_which_subscription(azure: Emulator, make: Make) -> None:
    provider = make(account="")
    assert provider.create(ORDER, null_sink).power == "running"
    azure.add_subscription("22222222-2222-2222-2222-222222222222", "Other")
    with pytest.raises(ConfigError, match=r"which Azure subscription: .*Other"):
        make(account="").machine("gpu1")
    assert [each.name for each in make(account="").machines()] == ["gpu1"]


def test_a_cloud_that_cannot_be_reached(make: Make) -> None:
    began = time.monotonic()
    with pytest.raises(CloudError, match="Azure cannot be reached") as caught:
        make(endpoint="http://127.0.0.1:1").machine("gpu1")
    assert caught.value.code == "Unreachable"
    assert time.monotonic() - began < 5


def test_the_same_name_at_the_same_moment(azure: Emulator, make: Make) -> None:
    """Azure has a machine of the name between our look and our order: the later one takes its own parts away."""
    ana, bob = make(), make(owner="bob")
    made: list[Machine] = []

    def interfere(entry: object) -> None:
        if getattr(entry, "route", "") == "networkInterfaces.create" and not made:
            azure.on_call(None)
            made.append(ana.create(ORDER, null_sink))

    azure.on_call(interfere)
    with pytest.raises(CloudError) as caught:
        bob.create(replace(ORDER, owner="bob", create_id="bbbbbbbbbbbb"), null_sink)
    assert caught.value.code == "NameTaken"
    assert not [each for each in azure.resources() if "bbbbbbbbbbbb" in each]
    assert ana.machine("gpu1") == made[0]


def test_the_place_goes_while_a_machine_is_made(azure: Emulator, make: Make) -> None:
    ana, bob = make(), make(owner="bob")
    ana.create(ORDER, null_sink)

    def interfere(entry: object) -> None:
        if getattr(entry, "route", "") == "virtualNetworks.get":
            azure.on_call(None)
            ana.delete("gpu1", null_sink)

    azure.on_call(interfere)
    second = replace(ORDER, name="gpu2", owner="bob", create_id="bbbbbbbbbbbb")
    assert bob.create(second, null_sink).power == "running"
    bob.delete("gpu2", null_sink)
    assert azure.resources() == []


def test_sizes_and_prices_of_today(azure: Emulator, provider: Azure) -> None:
    azure.restrict("Standard_D8s_v5", "eastus")
    found = {offer.size.name: offer for offer in provider.offers(["eastus"], null_sink)}
    assert "Standard_D8s_v5" not in found
    d4 = found["Standard_D4s_v5"]
    assert (d4.size.cpus, d4.size.memory, d4.region) == (4, 16, "eastus")
    assert d4.price
    t4 = found["Standard_NC4as_T4_v3"].size
    assert (t4.gpu, t4.gpu_count, t4.gpu_memory) == ("T4", 1, 16)


def test_checks_side_by_side(azure: Emulator, provider: Azure) -> None:
    t4 = Offer(Size("azure", "Standard_NC4as_T4_v3", 4, 28, "T4", 1, 16, generations=("V1", "V2")), "eastus")
    offers = [OFFER, t4, replace(OFFER, size=D8)]
    assert provider.check(offers, spot=False, image="") == []
    azure.quota("Standard_D4s_v5", 5)
    azure.restrict("Standard_NC4as_T4_v3", "eastus")
    azure.unregister("Microsoft.Network")
    found = provider.check(offers, spot=False, image="")
    assert {each.code: each.blocks for each in found} == {
        "NotRegistered": (),
        "QuotaExceeded": (("eastus", "Standard_D8s_v5", ""),),
        "SkuNotAvailable": (("eastus", "Standard_NC4as_T4_v3", ""),),
    }
    assert provider.quota_left(OFFER, spot=False) == 5
    found = provider.check([OFFER], spot=False, image="Canonical:nothing:of:latest")
    assert [(each.code, each.blocks) for each in found if each.code != "NotRegistered"] == [
        ("ImageNotFound", (("eastus", "", ""),))
    ]


def test_checks_never_take_long(azure: Emulator, provider: Azure) -> None:
    provider.check([OFFER], spot=False, image="")
    azure.fault("skus.list", latency=6)
    began = time.monotonic()
    found = provider.check([OFFER], spot=False, image="")
    assert time.monotonic() - began < 3.2
    assert [(each.code, "sizes" in each.words) for each in found] == [("NotInTime", True)]


def test_a_thousand_machines_in_three_subscriptions(azure: Emulator, make: Make) -> None:
    azure.seed(1000, 3)
    azure.cloud.settings.page_size = 500
    found = make(account="").machines()
    assert len(found) == 1000
    assert {each.power for each in found} == {"running", "deallocated"}
    assert azure.calls("virtualMachines.listAll") == 6
    assert len(azure.log) == 7


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "http://127.0.0.1:1/x", "{}.evil.example/x"])
def test_a_list_that_goes_on_elsewhere_is_not_followed(
    azure: Emulator, provider: Azure, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"value": [], "nextLink": elsewhere.format(azure.url)}
    monkeypatch.setattr(provider._connection, "send", lambda *arguments, **options: page)
    with pytest.raises(CloudError, match="goes on at another address"):
        provider.machines()
