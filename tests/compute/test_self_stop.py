"""A machine of Azure that stops itself, with what it finds on itself, and can stop no other one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ez.events import null_sink
from ez.models import Workspace
from ez.providers.azure import Azure
from ez.providers.cloud_init import document, host_key
from ez.state import State
from tests.compute.test_deallocate import SCRIPT
from tests.emulators.azure import Emulator
from tests.providers.orders import order_of
from tests.testbed.shell import wait_until

pytestmark = pytest.mark.testbed

TOKEN = (
    "curl -sf -H Metadata:true 'http://169.254.169.254/metadata/identity/oauth2/token"
    "?api-version=2018-02-01&resource=https://management.azure.com/' | sed 's/.*access_token\": *\"\\([^\"]*\\).*/\\1/'"
)
OTHER = (
    "curl -s -o /dev/null -w '%{{http_code}}' -X POST -d '' -H \"Authorization: Bearer $({token})\" "
    "'https://management.azure.com{id}/deallocate?api-version=2024-07-01'"
)

REMOVE = OTHER.replace("POST", "DELETE").replace("/deallocate?api-version=2024-07-01", "?api-version=2018-09-15")
SCHEDULES = "Microsoft.DevTestLab/schedules/shutdown-computevm-"


def test_it_stops_itself_and_no_other(azure_computers: Emulator, tmp_path: Path) -> None:
    azure = azure_computers
    azure.settings.role_delay = 3600
    workspace = Workspace(account=azure.subscription, regions=("eastus",), endpoint=azure.url, owner="ada")
    with State(tmp_path / "state.db") as state:
        provider = Azure(state, workspace)
        provider.pause = 0.01
        order = order_of("azure", "Standard_D2s_v5", "eastus", source="127.0.0.1/32")
        for name in ("cpu1", "cpu2"):
            key = host_key()
            given = document("ez", order.public_key, key)
            provider.create(
                replace(order, name=name, create_id=f"{name}000", user_data=given, host_keys=(key.public,)), null_sink
            )
        assert azure.cloud.computers is not None
        computer = azure.cloud.computers.of(azure.machine("cpu1"))
        refused = computer.exec("sh -s", stdin=SCRIPT.read_text(), check=False)
        assert (refused.returncode, refused.stdout) == (
            1,
            "this machine's identity may not stop it: AuthorizationFailed (403)\n",
        )
        azure.advance(3700)
        other = OTHER.format(token=TOKEN, id=azure.machine("cpu2").id)
        assert computer.exec(other).stdout == "403"
        soon = time.strftime("%H%M", time.gmtime(time.time() + 1800))
        for name in ("cpu1", "cpu2"):
            provider.fence(name, soon, yields=True)
        for schedule in azure.cloud.store:
            if schedule.kind.endswith("/schedules"):
                schedule.properties["status"] = "Disabled"  # The emulator's time is not that of the machine.
        azure.advance(3700)
        theirs = azure.machine("cpu2").id.replace("Microsoft.Compute/virtualMachines/", SCHEDULES)
        assert computer.exec(REMOVE.format(token=TOKEN, id=theirs)).stdout == "403"
        lifted = computer.exec("sh -s '' '' lift", stdin=SCRIPT.read_text())
        assert lifted.stdout.startswith("Azure's own clock would have stopped this machine in ")
        assert [each.id for each in azure.cloud.store if each.kind.endswith("/schedules")] == [theirs]
        done = computer.exec("sh -s", stdin=SCRIPT.read_text(), check=False)
        assert (done.returncode, done.stdout) == (0, "Azure stops this machine\n")
        azure.advance(60)
        wait_until(lambda: azure.machine("cpu1").power == "deallocated", "Azure has stopped it", 60)
        assert {each.name: each.power for each in provider.machines()} == {"cpu1": "deallocated", "cpu2": "running"}
