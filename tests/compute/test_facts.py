"""Facts: read from this machine for real, and replies that are not what they should be."""

import os
import platform
import pwd
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ez.compute.facts import Buildkit, facts
from ez.compute.nvidia.found import Gpu
from ez.errors import HostError, Result
from ez.events import CommandRun, Event
from ez.ssh.local import LocalHost
from tests.compute.values import BARE, told


def this_computer(home: Path, seen: list[Event] | None = None, **environment: str) -> LocalHost:
    sink = seen.append if seen is not None else lambda event: None
    return LocalHost(environment={"PATH": os.environ["PATH"], "HOME": str(home)} | environment, home=home, sink=sink)


def test_this_computer(home: Path) -> None:
    seen: list[Event] = []
    found = facts(this_computer(home, seen), 'printf "%s\\n" "$2" "$1"; exit 3', ["a b", "$(c)'"])
    assert len([event for event in seen if isinstance(event, CommandRun)]) == 1
    assert (found.extra, found.extra_status) == ("$(c)'\na b\n", 3)
    assert found.computer == "local"
    assert (found.uid, found.user) == (os.getuid(), pwd.getpwuid(os.getuid()).pw_name)
    assert (found.kernel, found.arch) == (platform.release(), platform.machine())
    assert found.home == str(home)
    assert found.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(found.clock_skew) < 5
    space = os.statvfs("/")
    assert found.disk.root == pytest.approx(space.f_bavail * space.f_frsize, rel=0.05)
    assert found.memory == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.cpus == os.sysconf("SC_NPROCESSORS_ONLN")


def test_without_a_caller_s_part(home: Path) -> None:
    found = facts(this_computer(home))
    assert (found.extra, found.extra_status) == ("", 0)


def test_an_engine_elsewhere_has_no_socket_here(home: Path) -> None:
    found = facts(this_computer(home, DOCKER_HOST="tcp://127.0.0.1:1"))
    assert found.engine.socket == ""
    assert found.engine.state != "user"


def test_a_buildkitd_that_the_user_may_use(home: Path) -> None:
    path = home / "buildkit" / "buildkitd.sock"
    path.parent.mkdir()
    assert not facts(this_computer(home, XDG_RUNTIME_DIR=str(home))).buildkit.is_there
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert facts(this_computer(home, XDG_RUNTIME_DIR=str(home))).buildkit == Buildkit("", f"unix://{path}")
    found = facts(this_computer(home, BUILDKIT_HOST="tcp://127.0.0.1:1\nuid=0")).buildkit
    assert found == Buildkit("tcp://127.0.0.1:1 uid=0", "")


@pytest.mark.engine
def test_engine_of_this_computer(home: Path, engine: Path) -> None:
    found = facts(this_computer(home)).engine
    assert (found.state, found.kind, found.socket) == ("user", "docker", str(engine))
    assert found.release >= (20, 10)
    assert found.store in ("classic", "containerd")
    assert "runc" in found.runtimes


def test_values() -> None:
    mirrors = "http://mirror/ "
    info = f"29.0.1|overlayfs|/data|[[driver-type io.containerd.snapshotter.v1]]|nvidia runc |[name=rootless]|{mirrors}"
    found = told(
        docker__info=info,
        docker__engine="user",
        docker__client="Docker version 29.0.1, build 1",
        docker__host="unix:///run/user/1000/docker.sock",
        docker__path="/snap/bin/docker",
        docker__config="bm90IHV0Zi04///",
        gpus=" 0000:00:1e.0/10de/2330/16c1/nvidia 0000:00:1f.0/1002/73a1//",
        time="1800000120",
    )
    assert (found.engine.store, found.engine.rootless, found.engine.kind) == ("containerd", True, "snap")
    assert (found.engine.socket, found.engine.settings) == ("/run/user/1000/docker.sock", None)
    assert (found.engine.runtimes, found.engine.mirrors) == (("nvidia", "runc"), ("http://mirror/",))
    assert found.disk.images == 40_000_000_000
    assert found.gpus == (Gpu("0000:00:1e.0", "10de", "2330", "16c1", "nvidia"), Gpu("0000:00:1f.0", "1002", "73a1"))
    assert found.clock_skew == 120


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("uid", "-1"),
        ("uid", "٣"),
        ("memory.total", ""),
        ("disk.root", "9" * 40),
        ("sudo", "maybe"),
        ("reboot", "true"),
        ("docker.engine", ""),
        ("gpus", "0000:00:1e.0"),
        ("gpus", "0000:00:1e.0/10de/../../etc/x"),
        ("switches", "-1"),
        ("secure_boot", "perhaps"),
        ("place", "moon"),
        ("nvidia.cdi", "1"),
    ],
)
def test_a_reply_that_is_no_fact(key: str, value: str) -> None:
    with pytest.raises(HostError, match=f"facts of `box` cannot be read: {key}"):
        told(**{key.replace(".", "__"): value})


@pytest.mark.parametrize("missing", ["kernel", "docker.info"])
def test_a_fact_that_is_missing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(BARE, missing)
    with pytest.raises(HostError, match=f"{missing} is missing"):
        told()


class Answering(LocalHost):
    """This computer, with other words between what a script says and who reads it."""

    def __init__(self, home: Path, answer: Callable[[bytes], bytes]) -> None:
        super().__init__(environment={"PATH": os.environ["PATH"], "HOME": str(home)}, home=home)
        self.answer = answer

    def script(self, *args: Any, **options: Any) -> Result:
        result = super().script(*args, **options)
        return replace(result, stdout=self.answer(result.stdout))


def test_a_reply_that_ends_early(home: Path) -> None:
    with pytest.raises(HostError, match="ends early"):
        facts(Answering(home, lambda said: said[:-10]), "echo hello")


def test_a_login_that_greets(home: Path) -> None:
    """Before and after, and with what looks like facts."""
    found = facts(Answering(home, lambda said: b"Welcome!\nez-0 uid=7\nuid=8\n" + said + b"bye\n"), "echo hello")
    assert (found.uid, found.extra) == (os.getuid(), "hello\n")


def test_what_a_system_calls_itself_is_read_and_not_run(tmp_path: Path) -> None:
    """Also where it is no shell, and without an end of the last line."""
    (tmp_path / "os-release").write_text(
        "# ours\nID=debian\nNAME=Our Own\nVARIANT=of (odd\nVERSION_ID='12'\n"
        f'exit 3\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Ours $(touch {tmp_path}/ran) 12"'
    )
    script = files("ez.compute").joinpath("scripts", "facts.sh").read_text("utf-8")
    text = script.replace("/etc/os-release", f"{tmp_path}/os-release") + "\nwait\n"
    done = subprocess.run(["sh", "-c", text, "sh", "W"], capture_output=True, text=True, check=True, timeout=60)
    said = dict(line.removeprefix("W ").split("=", 1) for line in done.stdout.splitlines() if line.startswith("W os."))
    assert (said["os.id"], said["os.version"], said["os.codename"]) == ("debian", "12", "bookworm")
    assert said["os.name"] == f"Ours $(touch {tmp_path}/ran) 12"
    assert not (tmp_path / "ran").exists()
