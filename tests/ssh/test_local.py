"""This computer behaves as every other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ez.errors import CommandError, HostError
from ez.ssh.local import LocalHost
from tests.testbed.shell import wait_until


@pytest.fixture
def local(home: Path) -> LocalHost:
    environment = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": "/the/agent", "KEPT": "yes"}
    return LocalHost(environment=environment, home=home)


def test_commands_scripts_and_files(local: LocalHost, home: Path) -> None:
    lines: list[str] = []
    result = local.script(
        'read word; echo "$word $1 $PWD"; echo oops >&2', ["it's"], input=b"in\n", on_line=lines.append
    )
    assert result.text == f"in it's {home}\n"
    assert sorted(lines) == [f"in it's {home}", "oops"]
    local.put(b"data", "a/b", 0o600)
    assert local.get("a/b") == (home / "a" / "b").read_bytes() == b"data"
    with pytest.raises(CommandError, match="exit code 7"):
        local.script("exit 7")
    with local.unix_socket("/run/x.sock") as path:
        assert path == Path("/run/x.sock")
    with pytest.raises(HostError, match="is no unix socket"), local.unix_socket(("127.0.0.1", 1234)):
        pass
    local.reconnect()
    local.close()


def test_only_what_was_given_is_in_the_environment(local: LocalHost) -> None:
    names = {line.partition("=")[0] for line in local.run(["env"]).text.splitlines()}
    assert names == {"PATH", "KEPT"}
    assert "SSH_AUTH_SOCK=/the/agent" in local.run(["env"], agent=True).text


def test_a_command_that_is_not_there(local: LocalHost) -> None:
    with pytest.raises(HostError, match="no-such-program"):
        local.run(["no-such-program"])


def test_a_timeout_ends_the_children_too(local: LocalHost, home: Path) -> None:
    with pytest.raises(HostError, match=r"longer than 0\.3 s"):
        local.script("trap '' TERM; sh -c 'echo $$ > child; exec sleep 1000' & wait; sleep 1000", timeout=0.3)
    child = int((home / "child").read_text())
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "the child is gone")


def test_a_signal_has_the_shells_exit_code(local: LocalHost) -> None:
    assert local.script("kill -KILL $$", check=False).exit_code == 137


def test_large_streams_pass_both_ways_at_once(local: LocalHost) -> None:
    data = os.urandom(1 << 20) * 50
    assert local.run(["cat"], input=data).stdout == data
