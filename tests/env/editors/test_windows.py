"""From WSL: what OpenSSH of Windows is given, with stand-ins for the programs of Windows and the real `ssh` here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ez.env.editors.find import Desktop
from ez.env.editors.windows import INCLUDED, publish_for_windows
from ez.errors import HostError
from ez.ssh.config import SshConfig

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def windows(home: Path) -> Desktop:
    """`cmd.exe` tells a profile, and `wslpath` where that is here."""
    programs = home / "bin"
    programs.mkdir()
    for name, text in {"cmd.exe": r"echo 'C:\Users\me'", "wslpath": f"echo {home}/profile"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (home / "profile" / ".ssh").mkdir(parents=True)
    (home / "profile" / ".ssh" / "config").write_bytes(b"Host other\r\n    User me\r\n")
    return Desktop({**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}, wsl="Ubuntu-22.04")


@pytest.fixture
def published(home: Path) -> SshConfig:
    config = SshConfig(home / ".ssh" / "config", home / ".ssh" / "ez", environment=os.environ)
    config.client_key()
    config.publish_environment("demo", user="envd", attach=["docker", "exec", "a 100%"], host_keys=[KEY])
    return config


def test_windows_has_the_way_through_wsl(windows: Desktop, published: SshConfig, home: Path) -> None:
    scripts = home / ".ssh" / "ez" / "windows"
    folder = home / "profile" / ".ssh" / "ez"
    folder.mkdir()
    (folder / "gone.ez.conf").touch()
    for _ in range(2):
        publish_for_windows(windows, "demo.ez", published.arguments, scripts, published.aliases())
    config = home / "profile" / ".ssh" / "config"
    assert config.read_bytes() == f'Include "{INCLUDED}"\r\nHost other\r\n    User me\r\n'.encode()
    assert sorted(file.name for file in folder.iterdir()) == ["demo.ez.conf", "demo.ez.hosts", "demo.ez.key"]
    assert (folder / "demo.ez.key").read_bytes() == (home / ".ssh" / "ez" / "key").read_bytes()
    assert (folder / "demo.ez.hosts").read_text().count(KEY) == 1
    assert (scripts / "demo.ez").read_text() == "#!/bin/sh\nexec docker exec 'a 100%'\n"
    # What OpenSSH makes of it.
    command = ["ssh", "-F", str(folder / "demo.ez.conf"), "-G", "demo.ez"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert f"proxycommand wsl.exe -d Ubuntu-22.04 --exec {scripts}/demo.ez" in told
    assert {"user envd", "stricthostkeychecking true", "identitiesonly yes"} <= set(told)
    assert not any(line.startswith("controlpath") for line in told)


def test_what_windows_would_read_otherwise_is_refused(windows: Desktop, published: SshConfig, home: Path) -> None:
    odd = Desktop(windows.environment, wsl="My & Distro")
    with pytest.raises(HostError):
        publish_for_windows(odd, "demo.ez", published.arguments, home / ".ssh" / "ez" / "windows", ())
    with pytest.raises(HostError):
        publish_for_windows(windows, "absent.ez", published.arguments, home / "w", ())
