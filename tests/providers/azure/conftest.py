"""A workspace on the emulator, with the real SDKs in between."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ez.models import Workspace
from ez.providers import cloud_init
from ez.providers.azure import Azure
from ez.providers.base import Offer, Order, Size
from ez.state import State
from tests.emulators.azure import Emulator

D4 = Size("azure", "Standard_D4s_v5", 4, 16, family="standardDSv5Family", generations=("V1", "V2"))
KEY = cloud_init.host_key()
PERSON = cloud_init.host_key().public
OFFER = Offer(D4, "eastus", 0.192, 0.05)
DOCUMENT = cloud_init.document("ana", PERSON, KEY)
ORDER = Order("gpu1", "ana", "0123456789ab", OFFER, "", "ana", PERSON, DOCUMENT, (KEY.public,), source="127.0.0.1/32")

Make = Callable[..., Azure]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state.db") as opened:
        yield opened


@pytest.fixture
def make(azure: Emulator, state: State) -> Make:
    """A provider of its own, as another process would have; takes other values of the workspace."""

    def made(**values: Any) -> Azure:
        workspace = Workspace("team", "azure", azure.subscription, endpoint=azure.url, owner="ana")
        provider = Azure(state, replace(workspace, **values))
        provider.pause = 0.01
        return provider

    return made


@pytest.fixture
def provider(make: Make) -> Azure:
    return make()
