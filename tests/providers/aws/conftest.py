"""A provider on an empty AWS, with a way to put faults in its way."""

from __future__ import annotations

import pytest

from ez.state import State
from tests.emulators.aws import AwsCloud, Faults
from tests.providers.aws.values import Made


@pytest.fixture
def made(aws: AwsCloud, state: State) -> Made:
    provider = aws.provider(state)
    return provider, Faults(provider)
