"""Each link of the chain, on this computer and on real ones, whole and broken."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ez.config import resolve
from ez.env.check import Check
from ez.env.doctor import checks
from ez.errors import HostUnreachableError
from ez.models import Computer, LocalEndpoint, SshEndpoint
from ez.ssh.connect import open_host
from ez.ssh.host import Host
from ez.state import State
from tests.testbed import Agent, TestComputer

LOCAL = Computer("local", "local", LocalEndpoint())


def own(computer: TestComputer) -> Computer:
    key = str(computer.identity_file)
    return Computer("box", "byo", SshEndpoint(computer.host, computer.port, computer.user, key, (computer.host_key,)))


def look(computer: Computer, **environment: str) -> dict[str, Check]:
    """All checks by id; each has a fix exactly when it is not ok."""
    settings = resolve(environment={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment})

    def connect(wanted: Computer) -> Host:
        return open_host(
            wanted.name, wanted.endpoint, environment=settings.environment, home=settings.directories.home, timeout=5
        )

    found = list(checks(settings, computer, connect))
    assert all(bool(check.fix) == (check.status != "ok") for check in found), found
    assert len({check.id for check in found}) == len(found)
    return {check.id: check for check in found}


def unreachable(computer: Computer) -> Host:
    raise HostUnreachableError(f"no answer: `{computer.name}`", "ping it")


def without_computer(**environment: str) -> dict[str, Check]:
    settings = resolve(environment={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment})
    return {check.id: check for check in checks(settings, LOCAL, unreachable)}


@pytest.mark.engine
def test_this_computer(engine: Path, agent: Agent) -> None:
    found = look(LOCAL, **agent.environment)
    assert {check.status for id, check in found.items() if id not in ("registry", "memory")} == {"ok"}
    assert found["agent"].detail == "2 keys"
    assert found["ssh"].detail.startswith("OpenSSH")
    assert "image store" in found["engine"].detail


def test_nothing_is_there(tmp_path: Path) -> None:
    found = without_computer(PATH=str(tmp_path), SSH_AUTH_SOCK=str(tmp_path / "gone"))
    assert (found["ssh"].status, found["ssh"].fix) == ("failed", "sudo apt-get install openssh-client")
    assert (found["git"].status, found["git"].fix) == ("failed", "sudo apt-get install git")
    assert found["agent"].status == "failed"
    assert (found["reachable"].status, found["reachable"].fix) == ("failed", "ping it")


def test_files_that_are_broken(home: Path) -> None:
    (home / ".ssh").mkdir()
    config = home / ".ssh" / "config"
    config.write_text("Hots *\n")
    database = home / ".local" / "state" / "ez" / "state.db"
    State(database).close()
    database.write_text("damaged")
    found = without_computer()
    assert found["ssh-config"].status == "failed"
    assert "hots" in found["ssh-config"].detail
    assert found["ssh-config"].fix == f"correct {config}"
    assert (found["state"].status, found["state"].fix) == ("failed", "ez config reset --state")
    assert found["agent"].status == "warning"


def test_a_ready_computer(ready: TestComputer) -> None:
    found = look(own(ready))
    for id in ("reachable", "host-key", "login", "ready", "sudo", "engine", "clock", "disk-images", "registry"):
        assert found[id].status == "ok", found[id]
    assert "containerd image store" in found["engine"].detail
    assert found["registry"].detail == f"{ready.world.address(2)}:5000"


def test_a_bare_computer(bare: TestComputer) -> None:
    found = look(own(bare))
    assert (found["ready"].status, found["ready"].fix) == ("warning", "ez compute prepare box")
    assert "install Docker Engine" in found["ready"].detail
    assert (found["engine"].status, found["engine"].fix) == ("failed", "ez compute prepare box")


def test_a_computer_that_cannot_be_entered(bare: TestComputer) -> None:
    endpoint = own(bare).endpoint
    assert isinstance(endpoint, SshEndpoint)
    other_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPs0s0YMcQGvlTsUzG3g3pOOkBlwWHDd0sYHZ2KbWSh"
    broken = {
        "reachable": replace(endpoint, port=1),
        "host-key": replace(endpoint, host_keys=(other_key,)),
        "login": replace(endpoint, user="nobody-there"),
    }
    for id, place in broken.items():
        found = look(Computer("box", "byo", place))
        links = [check for check in found.values() if check.id in broken]
        assert [check.status for check in links[:-1]] == ["ok"] * (len(links) - 1)
        assert (links[-1].id, links[-1].status) == (id, "failed")
        assert "engine" not in found
