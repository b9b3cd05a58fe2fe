"""Machines that a person has: names, addresses, forgetting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ez.errors import UsageError
from ez.events import null_sink
from ez.models import Computer, SshEndpoint
from ez.providers.byo import OwnMachines, parse_address
from ez.state import State

BOX = SshEndpoint("box.example", 22, "me", None, ("ssh-ed25519 AAAA",))


@pytest.fixture
def owned(state: State) -> State:
    """An index with a machine of the person's own, and one that is no such."""
    OwnMachines(state).add("box", BOX)
    state.save_computer(Computer("vm", "elsewhere", BOX))
    return state


def test_forgetting_twice_forgets_nobody_elses(owned: State) -> None:
    own = OwnMachines(owned)
    for name in ("box", "box", "vm"):
        own.delete(name, null_sink)
    assert own.find("box") is None
    assert owned.computer("vm") is not None


@pytest.mark.parametrize("name", ["local", "-x", "a b", "vm", "A"])
def test_names_that_own_machines_cannot_have(owned: State, name: str) -> None:
    with pytest.raises(UsageError):
        OwnMachines(owned).add(name, BOX)


def test_adding_again_changes_the_address(owned: State) -> None:
    moved = OwnMachines(owned).add("box", SshEndpoint("other"))
    assert owned.computer("box") == moved


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("box", SshEndpoint("box")),
        ("me@box.example:2222", SshEndpoint("box.example", 2222, "me")),
        ("ssh://me@10.0.0.1/", SshEndpoint("10.0.0.1", 22, "me")),
        ("me@corp@box", SshEndpoint("box", 22, "me@corp")),
        ("me@[2001:db8::1%eth0]:22", SshEndpoint("2001:db8::1%eth0", 22, "me")),
    ],
)
def test_addresses(text: str, endpoint: SshEndpoint) -> None:
    assert parse_address(text) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@box",
        "-oProxyCommand=x",
        "me@-x",
        "-l@box",
        "a b",
        "me@b;x",
        "$(x)@box",
        "box:0",
        "box:99999",
        "::1",
        "b\nx",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


@given(st.text(max_size=60))
def test_an_address_never_looks_like_an_option(text: str) -> None:
    try:
        endpoint = parse_address(text)
    except UsageError:
        return
    assert not endpoint.host.startswith("-")
    assert not (endpoint.user or "").startswith("-")
    assert not set(endpoint.host + (endpoint.user or "")) & set(" ;$`'\"\\\n\0")
