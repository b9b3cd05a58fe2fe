"""Which keys Git servers have."""

from __future__ import annotations

from pathlib import Path

import pytest

from ez.errors import HostKeyError
from ez.ssh.hostkeys import fingerprint, key_blob, known_hosts_lines_for, published_host_keys
from tests.ssh.conftest import ENVIRONMENT


def test_git_servers_are_known(tmp_path: Path) -> None:
    notes = (Path(__file__).parents[2] / "ez/ssh/published_host_keys").read_text()
    for host in ("github.com", "gitlab.com", "bitbucket.org"):
        (key,) = published_host_keys(host)
        assert fingerprint(key) in notes
        assert known_hosts_lines_for(host, 22, [], environment=ENVIRONMENT) == (f"{host} {key}",)
    own = tmp_path / "known_hosts"
    own.write_text(f"git.example,192.0.2.1 {key}\n[git.example]:2222 {key}\n")
    assert known_hosts_lines_for("git.example", 2222, [own], environment=ENVIRONMENT) == (f"[git.example]:2222 {key}",)
    assert known_hosts_lines_for("github.com", 2222, [own], environment=ENVIRONMENT) == ()


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 AAA", "ssh-ed25519 é", "ssh-rsa AAAAC3NzaC1lZDI1NTE5"])
def test_what_is_no_key_is_said_to_be_none(key: str) -> None:
    with pytest.raises(HostKeyError, match="not a public key"):
        key_blob(key)
