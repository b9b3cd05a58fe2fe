"""The key that a new machine lets in: the agent's where it has one, one made for it, else ez's own."""

import os
import subprocess
from pathlib import Path

import paramiko
import pytest

from ez.errors import ConfigError
from ez.ssh.config import SshConfig
from ez.ssh.keys import login_key, make_protected, wants_key
from tests.testbed import Agent
from tests.testbed.agent import agent as started


@pytest.fixture
def published(home: Path) -> SshConfig:
    return SshConfig(home / ".ssh" / "config", home / ".ssh" / "ez", environment={"PATH": "/usr/bin:/bin"})


@pytest.mark.testbed
def test_the_agents_key(published: SshConfig, home: Path, agent: Agent) -> None:
    folder = home / ".ssh" / "ez"
    key = login_key(published, folder, agent.socket)
    assert key.public.split()[0] in ("ssh-ed25519", "ssh-rsa")
    assert key.identity.parent == folder
    assert key.identity.read_text() == f"{key.public}\n"
    assert login_key(published, folder, agent.socket) == key
    published.reset()
    assert not key.identity.exists()


@pytest.mark.parametrize("socket", [None, "nobody"])
def test_one_of_its_own_without_an_agent(published: SshConfig, home: Path, socket: str | None) -> None:
    key = login_key(published, home / ".ssh" / "ez", home / socket if socket else None)
    assert key.public.startswith("ssh-ed25519 ")
    assert key.identity.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in key.identity.read_text()


def test_one_that_is_made_for_an_agent_without_one(published: SshConfig, home: Path) -> None:
    folder = home / ".ssh" / "ez"
    with started() as empty:
        assert wants_key(folder, empty.socket)
        make_protected(folder, empty.socket, "a long one", os.environ)
        assert not wants_key(folder, empty.socket)
        key = login_key(published, folder, empty.socket)
        held = subprocess.run(
            ["ssh-add", "-L"], env={**os.environ, **empty.environment}, capture_output=True, text=True
        )
        assert key.public in held.stdout
        assert key.identity.stat().st_mode & 0o777 == 0o600
        with pytest.raises(paramiko.PasswordRequiredException):
            paramiko.Ed25519Key.from_private_key_file(str(key.identity))
        opened = paramiko.Ed25519Key.from_private_key_file(str(key.identity), "a long one")
        assert opened.get_base64() == key.public.split()[1]
        subprocess.run(
            ["ssh-add", "-q", "-D"], env={**os.environ, **empty.environment}, capture_output=True, check=True
        )
        with pytest.raises(ConfigError) as forgotten:
            login_key(published, folder, empty.socket)
    assert forgotten.value.hint == f"ssh-add {key.identity}"
    assert not wants_key(folder, None)
    published.reset()
    assert not key.identity.exists()


def test_an_agent_that_takes_no_key(home: Path) -> None:
    with pytest.raises(ConfigError, match="does not take a key"):
        make_protected(home / "ez", home / "nobody", "a long one", os.environ)
    assert not (home / "ez").exists()
