"""An environment that wants cards, on a machine where nothing of NVIDIA's is installed yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.integration.person import Person
from tests.integration.places import commit, lent, write_files
from tests.testbed import Hardware, TestComputer

MIRRORS = {
    "EZ_MIRROR_NVIDIA": "http://127.0.0.1/cuda/repos",
    "EZ_MIRROR_NVIDIA_TOOLKIT": "http://127.0.0.1/libnvidia-container",
}


def wanting(package: str) -> str:
    """A build file whose environment gets one card, and that names a package which brings a CUDA."""
    return f"""\
def build():
    base(image="ubuntu:22.04")
    config.gpu(count=1)
    run(commands=["echo {package}"])
"""


def test_an_environment_gets_the_cards_that_it_wants(
    computers: Callable[..., TestComputer], person: Person, folder: Path, name: str
) -> None:
    """The driver comes in the same run, the next finds all done, and what cannot work is refused before a build."""
    person = replace(person, variables={**person.variables, **MIRRORS})
    with lent(computers("gpu", hardware=Hardware(cards=("T4",))), person, "cards") as place:
        go = ("env", "go", str(folder), "-c", "cards", "--no-open")
        commit(write_files(folder, {"build.envd": wanting("torch==2.7.0+cu128")}))
        changed = person.ez(*go, "--json").json["changed"]
        assert {"prepare.engine", "prepare.driver", "prepare.proof", "build", "start"} <= set(changed)
        assert place.container(name)["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["nvidia.com/gpu=0"]
        assert person.ez(*go, "--json").json["changed"] == []

        commit(write_files(folder, {"build.envd": wanting("torch==9.0+cu140")}))
        refused = person.ez(*go, code=1)
        assert "its drivers end at CUDA 13.3, and `torch==9.0+cu140` wants 14.0: `cards`" in refused.told
        assert "use CUDA 13.3 or older" in refused.told
        assert list(place.containers()) == [f"ez-{name}"]

        older = person.ez("compute", "prepare", "cards", "--cuda", "13.2", code=1)
        assert "hint: ez compute prepare cards --repair --cuda 13.2" in older.told
        # All of the driver that is held goes on to the branch that knows it.
        again = person.ez("compute", "prepare", "cards", "--repair", "--cuda", "13.2", "--json").json
        assert {"repair", "driver", "proof"} <= set(again["changed"])
        assert again["facts"]["nvidia"]["driver"].startswith("595.")
