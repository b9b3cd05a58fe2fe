"""Engine words to ez errors, and network settings to files, as tables."""

import json
from pathlib import Path

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.failures import image_failed, not_pushed
from ez.build.buildkit.surroundings import apt_sources, pip_config
from ez.models import Network

from .conftest import BASE

CASES = Path(__file__).parents[2] / "cases" / "build"


@pytest.mark.parametrize(("message", "said"), json.loads((CASES / "image_failures.json").read_text()))
def test_images_that_cannot_be_read(message: str, said: str) -> None:
    error = image_failed("r.example/x:1", BASE, GRPCError(Status.UNKNOWN, message))
    assert said in error.message
    assert "`r.example/x:1`" in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("denied: requested access to the resource is denied", "sign in with `docker login r.example`"),
        ("dial tcp 192.0.2.1:443: connect: connection refused", "curl -I https://r.example/v2/"),
        ("unexpected status: 429 Too Many Requests", "wait some minutes"),
        ("toomanyrequests: You have reached your limit", "wait some minutes"),
        ("unexpected status: 502 Bad Gateway", "run the same command again"),
    ],
)
def test_images_that_cannot_be_pushed(reason: str, hint: str) -> None:
    error = not_pushed("r.example/x:1", reason)
    assert f"`r.example/x:1` ({reason})" in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize("case", json.loads((CASES / "apt_sources.json").read_text()))
def test_apt_sources(case: dict[str, object]) -> None:
    mirrors: dict[str, str] = case["mirrors"]  # type: ignore[assignment]
    network = Network(mirrors=tuple(mirrors.items()))
    assert apt_sources(network, str(case["release"])).splitlines() == case["gives"]


def test_a_plain_index_is_trusted_by_name() -> None:
    network = Network(
        pip_index="http://me:pw@index.example:8080/simple", pip_extra_index="https://extra.example/simple"
    )
    assert pip_config(network).splitlines() == [
        "[global]",
        "index-url = http://me:pw@index.example:8080/simple",
        "extra-index-url = https://extra.example/simple",
        "trusted-host = index.example:8080",
    ]
    assert pip_config(Network()) == ""
