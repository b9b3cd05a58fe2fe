"""The README's first command, on a machine that has nothing but sshd, sudo and its distribution's packages."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.testbed import TestComputer

REPOSITORY = Path(__file__).parents[2]

# How this machine reaches its package index; the fresh one stands in the same network.
NETWORK = ("PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy")


@pytest.mark.timeout(600)
def test_quickstart_on_a_fresh_machine_twice(computers: Callable[..., TestComputer]) -> None:
    computer = computers("bare", engine_configured=False)
    network = carry_over(computer)
    command = f"cd ez && {network} ./scripts/quickstart </dev/null"
    first = computer.ssh(command, timeout=480)
    second = computer.ssh(command, timeout=60)
    for done in (first, second):
        version = done.stdout.strip().splitlines()[-1]
        assert all(part.isdigit() for part in version.split(".")), done.stdout
        assert "It works." in done.stderr
    assert "ubuntu:22.04` is made from this distribution's packages" in first.stderr
    assert "notice:" not in second.stderr


def carry_over(computer: TestComputer) -> str:
    """Bring the repo as a clean clone would have it, and certificates; returns shell assignments for the network."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=True).stdout
    pack = ["tar", "--create", "--null", "--files-from=-"]
    archive = subprocess.run(pack, cwd=REPOSITORY, input=names, capture_output=True, check=True).stdout
    send(computer, "mkdir ez && tar -x -C ez", archive)
    settings = {name: os.environ[name] for name in NETWORK if name in os.environ}
    for name in ("PIP_CERT", "SSL_CERT_FILE"):
        if name in settings:
            send(computer, f"cat > {name}.pem", Path(settings[name]).read_bytes())
            settings[name] = f"$HOME/{name}.pem"
    return " ".join(f'{name}="{value}"' for name, value in settings.items())


def send(computer: TestComputer, command: str, data: bytes) -> None:
    subprocess.run(computer.ssh_command("--", command), input=data, check=True, timeout=60)
