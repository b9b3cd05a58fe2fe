"""One contract for all providers: what their callers may rely on, whatever is behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ez.errors import CapacityError, CloudError, SignInError, StateError, UsageError
from ez.events import Event, null_sink
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.providers.base import (
    Accounts,
    Checks,
    Cleanable,
    Door,
    Fence,
    Lasting,
    Offer,
    Priced,
    Resizable,
    Restartable,
    SelfStopping,
    Spot,
)
from ez.providers.registry import PROVIDERS, computers, provider
from ez.state import State
from tests.emulators.aws import AwsCloud
from tests.emulators.azure import Emulator
from tests.providers.orders import HOST_KEY
from tests.providers.subjects import AwsSubject, AzureSubject, Subject

BOX = SshEndpoint("box.example", 22, "me", None, ("ssh-ed25519 AAAA",))
OWN = ("local", "byo")
CLOUDS = ("azure", "aws")
OF_CLOUDS: set[type] = {
    Accounts, Checks, Cleanable, Door, Fence, Lasting, Priced, Resizable, Restartable, SelfStopping, Spot
}  # fmt: skip
CAPABILITIES: dict[str, set[type]] = {"azure": OF_CLOUDS, "aws": OF_CLOUDS, "byo": set(), "local": set()}


@pytest.fixture
def subject(request: pytest.FixtureRequest, state: State) -> Subject:
    """The cloud of the parameter, with nothing in it and nothing asked of it yet."""
    key = request.param
    assert key in CLOUDS
    if key == "aws":
        cloud: AwsCloud = request.getfixturevalue("aws")
        return AwsSubject(cloud, state)
    emulator: Emulator = request.getfixturevalue("azure")
    return AzureSubject(emulator, state)


clouds = pytest.mark.parametrize("subject", CLOUDS, indirect=True)


@pytest.mark.parametrize("key", PROVIDERS)
def test_the_index_tells_whose_a_computer_is(key: str, state: State) -> None:
    for name in (*PROVIDERS, "elsewhere"):
        state.save_computer(Computer(f"of-{name}", name, BOX))
    each = provider(key, state)
    listed = each.list()
    assert [computer.provider for computer in listed] == [key]
    assert all(each.find(computer.name) == computer for computer in listed)
    assert each.find("nobody") is each.find("of-elsewhere") is None


def test_this_computer_is_always_first(state: State) -> None:
    assert computers(state)[0] == Computer("local", "local", LocalEndpoint())


def test_a_provider_of_a_later_ez(state: State) -> None:
    with pytest.raises(StateError, match="`elsewhere`"):
        provider("elsewhere", state)


@pytest.mark.parametrize("key", PROVIDERS)
def test_what_it_can_do(key: str, state: State) -> None:
    """No more and no less: callers ask by `isinstance`."""
    each = provider(key, state)
    assert {capability for capability in OF_CLOUDS if isinstance(each, capability)} == CAPABILITIES[key]
    assert bool(each.sizes()) is (key in CLOUDS)
    assert len(set(each.sizes())) == len(each.sizes())
    assert all((size.provider, size.cpus > 0, size.memory > 0) == (key, True, True) for size in each.sizes())


@pytest.mark.parametrize("key", OWN)
def test_what_is_no_cloud_refuses_in_words(key: str, state: State) -> None:
    each = provider(key, state)
    assert each.machines() == []
    assert each.machine("gpu1") is None
    for work in (each.start, each.stop):
        with pytest.raises(UsageError, match="by ez"):
            work("gpu1", null_sink)
    with pytest.raises(UsageError, match="it is not made by ez"):
        each.create(AwsSubject.order(AwsSubject(AwsCloud(""), state)), null_sink)


def test_deleting_a_machine_of_ones_own_forgets_it_and_no_other(state: State) -> None:
    for name, key in (("box", "byo"), ("gpu1", "azure")):
        state.save_computer(Computer(name, key, BOX))
    each = provider("byo", state)
    for name in ("box", "box", "gpu1", "nobody"):
        each.delete(name, null_sink)
    assert each.find("box") is None
    assert [computer.name for computer in state.computers()] == ["gpu1"]
    with pytest.raises(UsageError, match="it is not deleted by ez"):
        provider("local", state).delete("local", null_sink)


@clouds
def test_a_life(subject: Subject) -> None:
    each, told = subject.provider(), list[Event]()
    order = subject.order(expires=1_800_000_000)
    made = each.create(order, told.append)
    assert (made.provider, made.name, made.owner, made.workspace) == (subject.key, "gpu1", "ada", "default")
    assert (made.power, made.size, made.region) == ("running", order.offer.size.name, order.offer.region)
    assert (made.create_id, made.host_keys, made.user, made.disk) == (order.create_id, (HOST_KEY,), "ez", 128)
    assert (made.expires, made.spot, made.error) == (1_800_000_000, False, "")
    assert (made.idle_minutes, made.private) == (30, False)
    assert made.address
    assert made.created
    assert order.user_data not in repr(told)
    assert each.create(replace(order, user_data="#cloud-config\n# another key\n"), null_sink).id == made.id
    each.last_until("gpu1", 1_900_000_000)
    assert each.machine("gpu1").expires == 1_900_000_000
    assert each.machine("gpu1") == each.machines()[0]
    assert each.machine("gpu1").id == made.id
    for _ in range(2):
        stopped = each.stop("gpu1", null_sink)
        assert (stopped.id, stopped.power) == (made.id, "deallocated")
    assert [machine.power for machine in each.machines()] == ["deallocated"]
    for _ in range(2):
        started = each.start("gpu1", null_sink)
        assert (started.id, started.power, bool(started.address)) == (made.id, "running", True)
    assert each.restart("gpu1", null_sink).power == "running"
    assert each.resize("gpu1", subject.larger, null_sink).size == subject.larger.name
    assert each.leftovers(frozenset({order.create_id})) == []
    for _ in range(2):
        each.delete("gpu1", null_sink)
        assert each.machine("gpu1") is None
    assert each.machines() == []
    assert each.leftovers(frozenset()) == []
    assert subject.is_empty()


@clouds
def test_names_that_nobody_has(subject: Subject) -> None:
    each = subject.provider()
    works: list[Callable[[], object]] = [
        lambda: each.start("gpu9", null_sink),
        lambda: each.stop("gpu9", null_sink),
        lambda: each.restart("gpu9", null_sink),
        lambda: each.resize("gpu9", subject.larger, null_sink),
        lambda: each.admit("gpu9", "203.0.113.7/32"),
        lambda: each.last_until("gpu9", 1_900_000_000),
    ]
    for work in works:
        with pytest.raises(CloudError, match="gpu9") as caught:
            work()
        assert caught.value.code == "NotFound"
    each.delete("gpu9", null_sink)
    assert each.machine("gpu9") is None


@clouds
def test_a_name_is_had_once(subject: Subject) -> None:
    each, order = subject.provider(), subject.order()
    made = each.create(order, null_sink)
    for owner in ("ada", "bob"):
        with pytest.raises(CloudError, match="gpu1") as caught:
            subject.provider(owner).create(replace(order, owner=owner, create_id="ffffffffffff"), null_sink)
        assert caught.value.code == "NameTaken"
    assert [machine.id for machine in each.machines()] == [made.id]
    assert each.leftovers(frozenset({order.create_id})) == []


@clouds
def test_another_persons_machine_is_left_alone(subject: Subject) -> None:
    each, bob = subject.provider(), subject.provider("bob")
    made = each.create(subject.order(), null_sink)
    works: list[Callable[[], object]] = [
        lambda: bob.start("gpu1", null_sink),
        lambda: bob.stop("gpu1", null_sink),
        lambda: bob.restart("gpu1", null_sink),
        lambda: bob.resize("gpu1", subject.larger, null_sink),
        lambda: bob.admit("gpu1", "198.51.100.9/32"),
        lambda: bob.last_until("gpu1", 1_900_000_000),
        lambda: bob.delete("gpu1", null_sink),
    ]
    for work in works:
        with pytest.raises(UsageError, match="ada"):
            work()
    (found,) = bob.machines()
    assert (found.id, found.owner, found.power, found.size) == (made.id, "ada", "running", made.size)


@clouds
def test_two_people_in_one_workspace(subject: Subject) -> None:
    """What is common to them stays until the last machine goes."""
    each, bob = subject.provider(), subject.provider("bob")
    each.create(subject.order(), null_sink)
    bob.create(subject.order(name="gpu2", owner="bob", create_id="bbbbbbbbbbbb"), null_sink)
    each.delete("gpu1", null_sink)
    assert [(machine.name, machine.power) for machine in each.machines()] == [("gpu2", "running")]
    assert bob.stop("gpu2", null_sink).power == "deallocated"
    assert bob.start("gpu2", null_sink).power == "running"
    bob.delete("gpu2", null_sink)
    assert subject.is_empty()


@clouds
def test_without_room_nothing_is_left(subject: Subject) -> None:
    each, order = subject.provider(), subject.order()
    subject.without_room()
    with pytest.raises(CapacityError, match="gpu1") as caught:
        each.create(order, null_sink)
    region, size, zone, spot = caught.value.blocks
    assert (region, size, zone) == (order.offer.region, order.offer.size.name, "-")
    assert spot in (None, False)
    assert caught.value.minutes >= 30
    assert caught.value.hint
    check_nothing_is_left(subject)


def check_nothing_is_left(subject: Subject) -> None:
    """What is common to a workspace's machines may stay for the next attempt, until something is deleted."""
    each, order = subject.provider(), subject.order()
    assert each.machine(order.name) is None
    assert [left for left in each.leftovers(frozenset()) if left.create_id == order.create_id] == []
    each.delete(order.name, null_sink)
    assert subject.is_empty()


@clouds
def test_what_is_forbidden(subject: Subject) -> None:
    each = subject.provider()
    subject.forbidden()
    with pytest.raises(CloudError, match="gpu1") as caught:
        each.create(subject.order(), null_sink)
    assert not isinstance(caught.value, CapacityError | SignInError)
    assert caught.value.code
    assert caught.value.hint
    check_nothing_is_left(subject)


@clouds
def test_signed_out(subject: Subject) -> None:
    each = subject.provider()
    assert each.machines() == []
    subject.sign_out()
    order = subject.order()
    works: list[Callable[[], object]] = [
        lambda: each.create(order, null_sink),
        lambda: each.start("gpu1", null_sink),
        lambda: each.machines(),
        lambda: each.check([order.offer], spot=False, image=""),
    ]
    for work in works:
        with pytest.raises(SignInError) as caught:
            work()
        assert caught.value.hint
        assert caught.value.exit_code == 4


@clouds
def test_the_door(subject: Subject) -> None:
    """At most one address, and port 22."""
    each = subject.provider()
    each.create(subject.order(), null_sink)
    assert each.caller() == "127.0.0.1"
    assert subject.let_in() == {"203.0.113.7/32"}
    for source in ("198.51.100.9/32", "198.51.100.9/32", "", "", "192.0.2.0/24"):
        each.admit("gpu1", source)
        assert subject.let_in() == ({source} if source else set())
    with pytest.raises(UsageError, match="not an address"):
        each.admit("gpu1", "everywhere")
    assert subject.let_in() == {"192.0.2.0/24"}


@clouds
def test_as_spot_and_where_no_address_is(subject: Subject) -> None:
    each = subject.provider()
    made = each.create(subject.order(spot=True, max_price=0.5, source=""), null_sink)
    assert (made.spot, made.power, subject.let_in()) == (True, "running", set())
    assert each.stop("gpu1", null_sink).power == "deallocated"
    assert each.start("gpu1", null_sink).spot
    each.delete("gpu1", null_sink)
    assert subject.is_empty()


@clouds
def test_the_daily_stop(subject: Subject) -> None:
    each = subject.provider()
    each.create(subject.order(), null_sink)
    for at in ("1930", "1930", "0005"):
        each.fence("gpu1", at)
        assert subject.daily_stops() == [at]
    with pytest.raises(UsageError, match="not a time of day"):
        each.fence("gpu1", "2460")
    for _ in range(2):
        each.fence("gpu1", "")
        assert subject.daily_stops() == []
    each.fence("gpu1", "1930")
    each.delete("gpu1", null_sink)
    assert subject.daily_stops() == []
    assert subject.is_empty()


@clouds
def test_a_machine_may_stop_itself(subject: Subject) -> None:
    each = subject.provider()
    each.create(subject.order(), null_sink)
    assert each.cannot_stop_itself("gpu1") == ""
    subject.forbid_its_stop()
    assert each.cannot_stop_itself("gpu1")


@clouds
def test_what_an_interruption_left_is_found_and_removed(subject: Subject) -> None:
    each, order = subject.provider(), subject.order()
    with pytest.raises((CloudError, KeyboardInterrupt)):
        subject.interrupted(lambda: each.create(order, null_sink))
    assert each.machine("gpu1") is None
    left = each.leftovers(frozenset())
    own = [thing for thing in left if thing.create_id]
    assert {(thing.provider, thing.owner, thing.create_id) for thing in own} == {(subject.key, "ada", order.create_id)}
    assert [thing for thing in each.leftovers(frozenset({order.create_id})) if thing.create_id] == []
    with pytest.raises(UsageError, match="ada"):
        subject.provider("bob").remove(own[0], null_sink)
    for thing in own * 2:
        each.remove(thing, null_sink)
    assert [thing for thing in each.leftovers(frozenset()) if thing.create_id] == []
    each.delete("gpu1", null_sink)
    assert subject.is_empty()


@clouds
def test_who_asks_and_what_is_not_there(subject: Subject) -> None:
    standing = subject.provider().standing()
    assert standing.person
    assert standing.account
    assert standing.wrong == ()
    elsewhere = subject.provider("bob", regions=("atlantis",))
    (wrong,) = elsewhere.standing().wrong
    assert "no region `atlantis`" in wrong


@clouds
def test_sizes_and_prices_of_today(subject: Subject) -> None:
    each, wanted = subject.provider(), subject.order().offer
    subject.with_few_sizes()
    offers = {offer.size.name: offer for offer in each.offers([wanted.region], null_sink)}
    found = offers[wanted.size.name]
    assert (found.size.gpu, found.size.cpus, found.region) == (wanted.size.gpu, wanted.size.cpus, wanted.region)
    assert found.price
    assert found.zones
    assert found.dated
    assert each.spot_price(found) == found.spot_price


@clouds
def test_nothing_speaks_against_what_can_be_made(subject: Subject) -> None:
    each = subject.provider()
    offer = subject.order().offer
    assert offer.size in each.sizes()
    found = each.check([offer], spot=False, image="")
    assert not [finding for finding in found if finding.fatal or (offer.region, offer.size.name, "") in finding.blocks]
    name = "Standard_Z99" if subject.key == "azure" else "z99.large"
    (against,) = each.check([Offer(replace(offer.size, name=name), offer.region)], spot=False, image="")
    assert against.blocks == ((offer.region, name, ""),)
    assert name in against.words
    assert against.next
