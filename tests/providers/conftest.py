"""The clouds that providers are tested on, and orders for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ez.providers.aws import checks
from ez.state import State
from tests.emulators.aws import ACCOUNT, AwsCloud


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def aws_server() -> Iterator[AwsCloud]:
    with AwsCloud.running() as cloud:
        yield cloud


@pytest.fixture
def aws(aws_server: AwsCloud, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    """An AWS in which nothing is yet, and a person who is signed in."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checks, "SECONDS", 60)  # What is asked is looked at here, and not how fast this computer is.
    aws_server.reset()
    return aws_server
