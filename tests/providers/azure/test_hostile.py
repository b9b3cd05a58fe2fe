"""A cloud that answers with anything: no token goes elsewhere, nothing else is deleted, no answer is a traceback."""

from __future__ import annotations

import json
import socket
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ez.errors import CloudError, UsageError
from ez.events import null_sink
from ez.providers.azure import Azure, checks, listing, offers, skus
from ez.providers.azure.client import json_object
from tests.emulators.azure import Emulator
from tests.providers.azure.conftest import OFFER, ORDER

KEYS = [
    "id", "name", "location", "properties", "tags", "zones", "instanceView", "statuses", "code", "time", "value",
    "provisioningState", "storageProfile", "osDisk", "diskSizeGB", "hardwareProfile", "resourceType", "capabilities",
    "locationInfo", "restrictions", "restrictionInfo", "type", "currentValue", "limit", "retailPrice", "ez:expires",
]  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "PowerState/running", "x", "V1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)
PAGE = st.fixed_dictionaries({"value": JUNK | st.lists(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6))})


@pytest.fixture
def elsewhere() -> Any:
    """Another address on which somebody waits for a token."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server


def nobody_came(server: socket.socket) -> bool:
    try:
        server.accept()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("header", ["Azure-AsyncOperation", "Location"])
def test_an_operation_that_goes_on_elsewhere_gets_no_token(
    azure: Emulator, provider: Azure, elsewhere: socket.socket, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.create(ORDER, null_sink)
    plain = provider._connection.transport.send

    def send(request: Any, **options: Any) -> Any:
        answer = plain(request, **options)
        if request.method == "POST" and header in answer.headers:
            answer.headers[header] = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/steal"
        return answer

    monkeypatch.setattr(provider._connection.transport, "send", send)
    with pytest.raises(CloudError, match="another address") as caught:
        provider.stop("gpu1", null_sink)
    assert caught.value.code == "Elsewhere"
    assert nobody_came(elsewhere)


def test_a_list_that_does_not_end(azure: Emulator, provider: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"value": [], "nextLink": f"{azure.url}/again"}
    monkeypatch.setattr(provider._connection, "send", lambda *arguments, **options: page)
    with pytest.raises(CloudError, match="does not end"):
        provider.machines()


@pytest.mark.parametrize("text", ["<html>", "5", '"x"', "null", "{"])
def test_an_answer_that_is_none(text: str) -> None:
    with pytest.raises(CloudError, match="cannot be read"):
        json_object(SimpleNamespace(content=text.encode(), json=partial(json.loads, text)))


@given(page=PAGE)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_answer_is_read(provider: Azure, page: dict[str, Any]) -> None:
    arm = provider._arm
    arm.connection.send = lambda *arguments, **options: page  # type: ignore[method-assign]
    for machine in listing.all_machines([arm]):
        assert machine.power
    checks.usages(arm, "eastus")
    for item in arm.pages("", ""):
        skus.read_sku(item, "eastus")
    assert all(0 < price.amount < 1e9 for price in offers.read_prices(arm.pages("", "")).values())
    provider.leftovers(frozenset())
    provider.check([OFFER], spot=False, image="")


def test_what_another_group_holds_is_not_deleted(
    azure: Emulator, provider: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for an id in a list, nor for a tag that would lead there."""
    provider.create(ORDER, null_sink)
    arm = provider._arm
    foreign = {"id": arm.id("prod", "Microsoft.Compute/disks", "data"), "name": "data", "tags": {"ez:computer": "gpu1"}}
    plain = type(arm).pages
    monkeypatch.setattr(
        type(arm), "pages", lambda self, path, *rest, **more: [*plain(self, path, *rest, **more), foreign]
    )
    marks = azure.machine("gpu1").top["tags"]
    marks["ez:create-id"] = "x/../../../../../../resourceGroups/prod/providers/y"
    with pytest.raises(UsageError, match="not made by ez"):
        provider.delete("gpu1", null_sink)
    marks["ez:create-id"] = ORDER.create_id
    provider.delete("gpu1", null_sink)
    assert provider.machine("gpu1") is None
    assert not [entry for entry in azure.log if "prod" in entry.path]
