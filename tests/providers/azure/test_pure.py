"""What needs no cloud: errors in words, bodies, states and prices, by case files."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ez.errors import CapacityError, CloudError, ConfigError, SignInError, UsageError
from ez.models import Workspace
from ez.providers.azure import account, bodies, client
from ez.providers.azure.credential import Remembered, caller_address
from ez.providers.azure.errors import Attempt, Reason, about, codes, explain, is_gone, reason, translated
from ez.providers.azure.listing import machine
from ez.providers.azure.names import names
from ez.providers.azure.offers import Price, read_prices
from ez.providers.base import Offer, Size
from ez.providers.tags import tags_of
from tests.emulators.azure.faults import AT_ONCE, LATER
from tests.providers.azure.conftest import ORDER

CASES = Path(__file__).parents[2] / "cases" / "azure"
T4 = Attempt("create `gpu1`", "Standard_NC4as_T4_v3", "", "westeurope", "", False)


def cases(name: str) -> list[Any]:
    read = json.loads((CASES / f"{name}.json").read_text())
    return [pytest.param(case, id=case["name"]) for case in read]


@pytest.mark.parametrize("case", cases("errors"))
def test_errors_in_words(case: Mapping[str, Any]) -> None:
    error = explain(reason(case["status"], case["body"]), replace(T4, **case.get("attempt", {})))
    assert type(error).__name__ == case["type"]
    assert case.get("code", error.code) == error.code
    assert case.get("message", error.message) == error.message
    assert error.hint is not None
    assert case.get("hint", "") in error.hint
    assert is_gone(error) is case.get("gone", False)
    if isinstance(error, CapacityError):
        assert [list(error.blocks), error.minutes] == [case["blocks"], case["minutes"]]


def test_every_code_has_words_and_one_next_step() -> None:
    for code, section in codes().items():
        error = explain(Reason(code), T4)
        assert error.hint, code
        assert "{" not in error.message + error.hint, code
        assert "?" not in error.message + error.hint, code
        assert not error.message.endswith(".")
        assert (section.get("kind") == "capacity") is isinstance(error, CapacityError), code
        assert ("again" in section) is ("tries" in section), code


def test_no_error_of_the_catalogue_is_unknown() -> None:
    assert {code for code in (*AT_ONCE, *LATER) if not about(code)} == set()


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(
            st.sampled_from(["error", "code", "message", "details", "additionalInfo"]),
            inner | st.lists(inner),
            max_size=4,
        ),
    )
)
def test_any_answer_is_an_error(body: object) -> None:
    assert explain(reason(500, body), T4).message.isprintable()


def test_everything_that_the_sdks_raise_is_known() -> None:
    """azure-core's tree has new branches now and then: each is to become a CloudError."""
    from azure.core import exceptions

    raised = [each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception)]
    for kind in raised:
        if issubclass(kind, exceptions.AzureError):
            with pytest.raises(CloudError), translated(T4):
                raise kind.__new__(kind) if kind.__init__ is None else _made(kind)


def _made(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, "odd")
    error.__dict__.update(message="odd", response=None, status_code=None, error=None)
    return error


def test_a_missing_sign_in_is_said_as_one() -> None:
    from azure.core.exceptions import ClientAuthenticationError

    with pytest.raises(SignInError, match="nobody is signed in") as caught, translated(T4):
        raise ClientAuthenticationError("EnvironmentCredential authentication unavailable. And many more words")
    assert (caught.value.hint, caught.value.exit_code) == ("az login", 4)


@pytest.mark.parametrize("case", cases("power"))
def test_states(case: Mapping[str, Any]) -> None:
    statuses = [{"code": code, "time": time} if time else {"code": code} for code, time in case["statuses"]]
    properties = {"provisioningState": case["state"], "instanceView": {"statuses": statuses}}
    found = machine({"id": "/subscriptions/s", "name": "vm", "properties": properties})
    assert (found.power, found.error) == (case["power"], case.get("error", ""))
    assert found.since == pytest.approx(case.get("since", found.since))


@pytest.mark.parametrize("case", cases("bodies"))
def test_bodies_of_machines(case: Mapping[str, Any]) -> None:
    size = Size("azure", case["size"], 4, 16, architecture=case.get("architecture", "x86_64"))
    size = replace(size, generations=tuple(case.get("generations", ("V2",))))
    order = replace(ORDER, offer=Offer(size, "eastus"), **case["order"])
    made = names("team", order.name, order.create_id, "s")
    tags = tags_of(order, Workspace("team"))
    if "error" in case:
        with pytest.raises(UsageError) as caught:
            bodies.machine(order, made, tags, card="/card", address="")
        assert caught.value.message == case["error"]
        return
    body = bodies.machine(order, made, tags, card="/card", address="20.1.2.3")
    assert {path: at(body, path) for path in case["has"]} == case["has"]
    assert [path for path in case.get("lacks", ()) if at(body, path) is not None] == []
    assert base64.b64decode(body["properties"]["osProfile"]["customData"]).decode() == order.user_data


def at(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body[int(part)] if isinstance(body, list) else (body or {}).get(part)
    return body


def test_the_order_does_not_show_the_host_key() -> None:
    assert "PRIVATE" in ORDER.user_data
    assert "PRIVATE" not in repr(ORDER)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_names_are_such_as_azure_takes(computer: str) -> None:
    made = names("w" * 40, computer, "0123456789ab", "s")
    assert len(made.machine) <= 64
    assert all(len(each) <= 80 for each in (made.card, made.address, made.security, made.disk))
    assert len(made.label) <= 63
    assert made.label[0].isalpha()
    assert made.label[-1].isalnum()


def test_names_of_another_attempt_are_others() -> None:
    first, second = (names("team", "gpu1", create_id, "s") for create_id in ("a", "b"))
    assert first.machine == second.machine
    assert not {first.card, first.address, first.disk, first.label} & {second.card, second.address, second.label}


@pytest.mark.parametrize("source", ["203.0.113.7/33", "everywhere", "203.0.113.7/32; rm", "203.0.113.9/24"])
def test_a_door_opens_only_for_addresses(source: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        bodies.rule(source)


def test_prices_are_of_linux_by_the_hour() -> None:
    row = {
        "type": "Consumption",
        "unitOfMeasure": "1 Hour",
        "armSkuName": "Standard_D4s_v5",
        "productName": "Dsv5 Series",
    }
    rows = [
        {**row, "retailPrice": 0.2, "effectiveStartDate": "2023-01-01", "meterName": "D4s v5"},
        {**row, "retailPrice": 0.192, "effectiveStartDate": "2024-01-01", "meterName": "D4s v5"},
        {**row, "retailPrice": 0.05, "effectiveStartDate": "2024-01-01", "meterName": "D4s v5 Spot"},
        {**row, "retailPrice": 0.04, "effectiveStartDate": "2025-01-01", "meterName": "D4s v5 Low Priority"},
        {**row, "retailPrice": 0.4, "effectiveStartDate": "2025-01-01", "productName": "Dsv5 Series Windows"},
        {**row, "retailPrice": 0.1, "effectiveStartDate": "2025-01-01", "type": "Reservation"},
        {**row, "retailPrice": 0.0, "effectiveStartDate": "2025-01-01", "meterName": "D4s v5"},
    ]
    d4 = "standard_d4s_v5"
    assert read_prices(rows) == {(d4, False): Price(0.192, "2024-01-01"), (d4, True): Price(0.05, "2024-01-01")}


@pytest.mark.parametrize(
    "endpoint", ["http://management.example", "ftp://127.0.0.1", "127.0.0.1:80", "http://10.0.0.1"]
)
def test_no_token_goes_over_a_line_that_others_read(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not an address for Azure"):
        client.Connection(Workspace(endpoint=endpoint), tmp_path / "record")


@pytest.mark.parametrize(
    ("endpoint", "audience"),
    [
        ("", "https://management.azure.com"),
        ("https://management.azure.com/", "https://management.azure.com"),
        ("https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"),
        ("https://127.0.0.1:4578", "https://management.azure.com"),
        ("https://management.azure.com.evil.example", "https://management.azure.com.evil.example"),
    ],
)
def test_a_token_for_azure_goes_to_azure_alone(endpoint: str, audience: str, tmp_path: Path) -> None:
    assert client.Connection(Workspace(endpoint=endpoint), tmp_path / "record").scope == f"{audience}/.default"


def test_the_callers_address_is_in_the_token() -> None:
    def token(claims: object) -> str:
        return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.y"

    assert caller_address(token({"ipaddr": "203.0.113.7"})) == "203.0.113.7"
    for odd in (token({"ipaddr": "2001:db8::1"}), token({}), token([]), "", "a.b.c", "a.%%%.c"):
        assert caller_address(odd) == ""


def test_a_token_is_asked_for_once() -> None:
    asked: list[tuple[str, ...]] = []

    def get_token(*scopes: str, **options: object) -> object:
        asked.append(scopes)
        return SimpleNamespace(token="t", expires_on=10**12)

    credential = Remembered(SimpleNamespace(get_token=get_token))
    for options in ({}, {}, {"claims": "new ones"}):
        assert credential.get_token("scope", **options).token == "t"
    assert len(asked) == 2


def test_azs_default_subscription(tmp_path: Path) -> None:
    profile = tmp_path / "azureProfile.json"
    assert account.default_of(profile) == ""
    subscriptions = [{"id": "1", "isDefault": False}, {"id": "2", "isDefault": True}]
    profile.write_text(json.dumps({"subscriptions": subscriptions}), "utf-8-sig")
    assert account.default_of(profile) == "2"
    profile.write_text("[1]")
    assert account.default_of(profile) == ""
