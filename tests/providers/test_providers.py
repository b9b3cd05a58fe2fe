"""One contract for all providers, and what each adds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ez.errors import StateError, UsageError
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.providers.base import Deletable
from ez.providers.byo import OwnMachines, parse_address
from ez.providers.registry import PROVIDERS, computers, provider
from ez.state import State

BOX = SshEndpoint("box.example", 22, "me", None, ("ssh-ed25519 AAAA",))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state.db") as opened:
        OwnMachines(opened).add("box", BOX)
        opened.save_computer(Computer("vm", "elsewhere", BOX))
        yield opened


@pytest.mark.parametrize("key", PROVIDERS)
def test_contract(key: str, state: State) -> None:
    each = provider(key, state)
    listed = each.list()
    assert listed
    assert all(each.find(computer.name) == computer and computer.provider == key for computer in listed)
    assert each.find("nobody") is each.find("vm") is None
    if isinstance(each, Deletable):
        each.delete(listed[0].name)
        each.delete(listed[0].name)
        each.delete("vm")
        assert listed[0] not in each.list()
        assert state.computer("vm") is not None


def test_this_computer_is_always_first(state: State) -> None:
    assert computers(state)[0] == Computer("local", "local", LocalEndpoint())


def test_unknown_provider(state: State) -> None:
    with pytest.raises(StateError, match="`elsewhere`"):
        provider("elsewhere", state)


@pytest.mark.parametrize("name", ["local", "-x", "a b", "vm", "A"])
def test_names_that_own_machines_cannot_have(state: State, name: str) -> None:
    with pytest.raises(UsageError):
        OwnMachines(state).add(name, BOX)


def test_adding_again_changes_the_address(state: State) -> None:
    moved = OwnMachines(state).add("box", SshEndpoint("other"))
    assert state.computer("box") == moved


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
