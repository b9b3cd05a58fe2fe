"""What a start of `ez` loads: nothing that only some of its commands need."""

import subprocess
import sys

import pytest

HEAVY = {
    "azure",
    "boto3",
    "botocore",
    "docker",
    "fabric",
    "google.protobuf",
    "grpc",
    "grpclib",
    "h2",
    "paramiko",
    "pydantic",
    "rich",
    "starlark",
}

LIST_LOADED = "import {module}, sys; print(*sys.modules)"


def loaded_by(module: str) -> set[str]:
    program = LIST_LOADED.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("module", ["ez.cli", "ez.cli.app"])
def test_importing_the_command_line_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(module) == set()


def test_the_list_of_loaded_modules_can_fail() -> None:
    assert loaded_by("rich.console") == {"rich"}
