"""examples/hello, really built, really run, really entered."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build.image.conftest import WORKDIR, Enter
from tests.testbed import Agent
from tests.testbed.docker import docker
from tests.testbed.shell import run, wait_until

pytestmark = pytest.mark.engine

HELLO = Path(__file__).parents[3] / "examples" / "hello"
AWKWARD = """it's "a" \\ $HOME `id` #; é = *"""


@pytest.fixture(scope="module")
def hello(image: Callable[[Path], str]) -> str:
    return image(HELLO)


@pytest.mark.parametrize(
    ("uid", "gid", "name"),
    [(1000, 1000, "envd"), (1234, 2345, "envd"), (33, 27, "envd"), (0, 0, "root")],
    ids=["same", "other", "taken", "root"],
)
def test_session_is_the_owners_whatever_the_ids(hello: str, enter: Enter, uid: int, gid: int, name: str) -> None:
    container = enter(hello, uid, gid, {"AWKWARD": AWKWARD, "LD_PRELOAD": ""})
    seen = container.says(
        f"""whoami; id -u; id -g; echo "$HOME"; printf '%s\\n' "$AWKWARD"; bash -lc 'printf "%s\\n" "$AWKWARD"'
        sudo -n id -u; stat -c %u:%g "$HOME" "$HOME/.config"; cd {WORKDIR}; make -s run; touch new; git config user.name
        bash -lc "command -v python"; pip uninstall -q -y numpy && echo gone"""
    ).splitlines()
    owner = f"{uid}:{gid}"
    greeting = 'Hello from "ez": numpy '
    assert seen[:5] == [name, str(uid), str(gid), "/home/envd", AWKWARD]
    assert seen[5:9] == [AWKWARD, "0", owner, owner]
    assert seen[9].startswith(greeting)
    assert seen[10:] == ["A Person", "/opt/venv/bin/python", "gone"]
    new = (container.work / "new").stat()
    assert (new.st_uid, new.st_gid) == (uid, gid)


def test_restart_keeps_key_and_ids(hello: str, enter: Enter) -> None:
    container = enter(hello, 1234, 1234, {"LINES": "a\nb"})
    before = (container.env / "ssh_host_ed25519_key.pub").read_text()
    assert container.says("bash -lc 'echo \"$LINES\"'") == "a\nb"
    assert container.ssh("bash -lic pwd; bash -lc pwd").stdout.split() == [WORKDIR, "/home/envd"]
    docker("restart", "--time", "10", container.name)
    assert container.says("id -u") == "1234"
    assert (container.env / "ssh_host_ed25519_key.pub").read_text() == before
    assert (container.env / "ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600


def test_a_key_half_made_is_made_anew(hello: str, enter: Enter) -> None:
    container = enter(hello)
    key = container.env / "ssh_host_ed25519_key"
    wait_until(key.exists, "the container has a key", timeout=20)
    before = key.read_text()
    key.rename(f"{key}.new")
    docker("restart", "--time", "10", container.name)
    wait_until(key.exists, "the container has a key", timeout=20)
    assert key.read_text() != before


def test_files_ports_and_agent_go_through(hello: str, enter: Enter, agent: Agent, tmp_path: Path) -> None:
    container = enter(hello)
    config = ("-F", str(container.config))
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    run("scp", "-q", *config, str(tmp_path / "big"), f"hello.ez:{WORKDIR}/big")
    run("sftp", "-q", *config, "-b", "-", "hello.ez", stdin=f"get {WORKDIR}/big {tmp_path}/back\n")
    assert (tmp_path / "back").read_bytes() == (container.work / "big").read_bytes()
    keys = run("ssh-add", "-l", environment=agent.environment).stdout
    assert container.ssh("ssh-add -l", "-A").stdout == keys
    assert container.ssh("ssh-add -l", check=False).returncode != 0
    assert "numpy" in _through_forward(container.config, tmp_path / "port.sock")


def _through_forward(config: Path, here: Path) -> str:
    """requirements.txt from the file server in the container, over `ssh -L`."""
    command = ["ssh", "-F", str(config), "-N", "-L", f"{here}:127.0.0.1:8000", "hello.ez"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as forward:
        try:
            wait_until(here.exists, "ssh forwards", timeout=10)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(here))
                connection.sendall(b"GET /requirements.txt HTTP/1.0\r\n\r\n")
                with connection.makefile() as reply:
                    return reply.read()
        finally:
            forward.terminate()


def test_strangers_stay_out(hello: str, enter: Enter, tmp_path: Path) -> None:
    container = enter(hello)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other"))
    (tmp_path / "strangers").write_text(container.config.read_text().replace(f"{tmp_path}/key", f"{tmp_path}/other"))
    refused = run("ssh", "-F", str(tmp_path / "strangers"), "-o", "BatchMode=yes", "hello.ez", "true", check=False)
    assert "Permission denied" in refused.stderr
    blob = (tmp_path / "other.pub").read_text()
    (tmp_path / "known_hosts").write_text(f"hello.ez {blob}")
    assert "Host key verification failed" in container.ssh("true", check=False).stderr


def test_image_holds_no_keys_and_no_settings_of_the_build(hello: str) -> None:
    found = docker(
        "run", "--rm", "--entrypoint", "sh", hello, "-c",
        "ls /etc/ssh/ssh_host_* /dev/shm/ez /usr/sbin/policy-rc.d.new /tmp/* 2>/dev/null; env",
    ).stdout  # fmt: skip
    assert not [line for line in found.splitlines() if line.startswith("/") or "SSL_CERT" in line]
    assert 'GREETING=Hello from "ez"' in found
