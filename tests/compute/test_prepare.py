"""Computers made ready for real: fresh machines of the testbed, and faults on them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ez.compute.facts import facts
from ez.compute.need import Need
from ez.compute.prepare import Ready, prepare
from ez.errors import LinkLostError, PrepareError
from ez.events import CommandRun, Event, Output, StepFailed, StepFinished, StepStarted
from ez.models import Network, SshEndpoint
from ez.ssh.connect import open_host
from ez.ssh.host import Host
from tests.testbed import TestComputer

pytestmark = pytest.mark.testbed
FULL_LINE = ("git", "engine-settings", "engine", "start", "group")

# Takes dpkg's lock as dpkg does (struct flock of 64-bit Linux) and keeps it until it is told to go.
HOLDER = """
    use Fcntl;
    open(my $lock, '>>', '/var/lib/dpkg/lock-frontend') or die;
    my $whole_file = pack('s s x4 q q i', F_WRLCK, 0, 0, 0, 0);
    fcntl($lock, F_SETLKW, $whole_file) or die;
    open(my $sign, '>', '/run/holder/held');
    select(undef, undef, undef, 0.1) until -e '/run/holder/go';
"""


class Events:
    """A sink that remembers, and can act when something is seen."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.when: Callable[[Event], None] = lambda event: None

    def __call__(self, event: Event) -> None:
        self.seen.append(event)
        self.when(event)

    def of(self, *kinds: type) -> list[Event]:
        return [event for event in self.seen if isinstance(event, kinds)]

    @property
    def text(self) -> str:
        return "\n".join(event.line for event in self.seen if isinstance(event, Output))


@contextmanager
def login(computer: TestComputer, sink: Callable[[Event], None]) -> Iterator[Host]:
    endpoint = SshEndpoint(
        computer.host, computer.port, computer.user, str(computer.identity_file), (computer.host_key,)
    )
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    host = open_host("box", endpoint, environment=environment, home=Path(os.environ["HOME"]), sink=sink)
    try:
        yield host
    finally:
        host.close()


def make_ready(host: Host, sink: Callable[[Event], None], network: Network = Network()) -> Ready:
    return prepare(host, facts(host), sink, need=Need(network))


def test_a_fresh_machine_is_usable_in_the_same_run(computers: Callable[..., TestComputer]) -> None:
    """And again with nothing to do, after the engine stopped, and with sudo taken away."""
    computer, events = computers("bare"), Events()
    authority = Path("/etc/ssl/certs/ca-certificates.crt").read_text()
    network = Network(ca_bundle=authority, mirrors=(("registry", "http://mirror.invalid"),))
    with login(computer, events) as host:
        plan_only = prepare(host, facts(host), events, dry_run=True)
        assert plan_only.changed == FULL_LINE
        assert computer.exec("command -v docker git", check=False).stdout == ""
        ready = make_ready(host, events, network)
        assert ready.changed == ("authorities", *FULL_LINE)
        assert ready.socket == "/var/run/docker.sock"
        assert host.run(["docker", "version", "--format", "{{.Server.Version}}"]).text.strip() == ready.engine
        mirrors = host.run(["docker", "info", "--format", "{{.RegistryConfig.Mirrors}}"]).text
        assert "mirror.invalid" in mirrors
        assert computer.world.address(2) in mirrors
        settings = json.loads(computer.exec("cat /etc/docker/daemon.json").stdout)
        assert settings["log-opts"] == {"max-size": "50m", "max-file": "3"}
        assert settings["builder"]["gc"]["enabled"]
        assert settings["mtu"] > 0
        original = json.loads(computer.exec("cat /etc/docker/daemon.json.before-ez").stdout)
        assert "log-opts" not in original
        assert "to go back: sudo cp /etc/docker/daemon.json.before-ez /etc/docker/daemon.json" in events.text
        started = [event.step for event in events.seen if isinstance(event, StepStarted)][-len(ready.changed) :]
        assert started == [f"prepare.{id}" for id in ready.changed]

        events.seen.clear()
        assert make_ready(host, events).changed == ()
        assert len(events.of(CommandRun)) == len(events.seen) == 1

        computer.exec("systemctl stop docker.socket docker.service")
        assert make_ready(host, events).changed == ("start",)

        computer.exec("rm /etc/sudoers.d/dev && systemctl stop docker.socket docker.service")
        with pytest.raises(PrepareError, match="root is needed to start the Docker Engine: `box`"):
            make_ready(host, events)


@pytest.mark.parametrize("variant", ["bare-bullseye", "bare-forky", "bare-arm64"])
def test_the_other_releases(computers: Callable[..., TestComputer], variant: str) -> None:
    """And after a restart; Debian 12 and 13 are above and below. No emulator starts a container."""
    computer, events = computers(variant), Events()
    with login(computer, events) as host:
        ready = make_ready(host, events)
        assert ready.changed == FULL_LINE
        assert ready.facts.arch == host.run(["docker", "info", "--format", "{{.Architecture}}"]).text.strip()
        assert ready.facts.arch == ("aarch64" if variant == "bare-arm64" else "x86_64")
    computer.reboot()
    with login(computer, events) as host:
        assert make_ready(host, events).changed == ()
        if ready.facts.arch == "x86_64":
            assert host.run(["docker", "run", "--rm", "debian:12", "uname", "-m"], timeout=120).text == "x86_64\n"


def test_what_is_waited_for_and_mended(computers: Callable[..., TestComputer]) -> None:
    """A release that splits the client off; somebody else's installation, and one that was cut off before."""
    computer, events = computers("bare-trixie"), Events()
    # A package that is unpacked and not configured, as a machine that lost power leaves it.
    computer.exec(
        "apt-get update -qq && cd /tmp && apt-get download -qq hostname && dpkg --unpack hostname_*.deb", timeout=120
    )
    computer.exec("mkdir /run/holder && cat >/run/holder/hold && systemd-run perl /run/holder/hold", stdin=HOLDER)
    computer.exec("timeout 20 sh -c 'until [ -e /run/holder/held ]; do sleep 0.1; done'")
    with login(computer, events) as host:
        found = facts(host)
        assert found.packages.held
        assert found.packages.interrupted

        def let_go(event: Event) -> None:
            if isinstance(event, Output) and "waiting for another installation to end: perl" in event.line:
                computer.exec("touch /run/holder/go")

        events.when = let_go
        ready = prepare(host, found, events)
        assert ready.changed == ("wait", "repair", *FULL_LINE)
        assert ready.facts.packages.interrupted is False
        assert ready.facts.os.codename == "trixie"
        assert host.run(["docker", "info"]).exit_code == 0


def test_a_link_that_drops_in_the_middle(computers: Callable[..., TestComputer]) -> None:
    """The work goes on; the next runs, two at once, wait for it and add what is missing."""
    computer, first, cut = computers("bare"), Events(), threading.Event()

    def cut_link(event: Event) -> None:
        if isinstance(event, Output) and event.step == "prepare.engine" and not cut.is_set():
            cut.set()
            computer.exec("pkill -KILL -u dev sshd || pkill -KILL -f 'sshd: dev'")

    first.when = cut_link
    with login(computer, first) as host, pytest.raises(LinkLostError, match="the work goes on there"):
        make_ready(host, first)
    assert any(isinstance(event, StepFailed) and event.step == "prepare.engine" for event in first.seen)

    def again(events: Events) -> Ready:
        with login(computer, events) as host:
            found = facts(host)
            assert found.preparing
            ready = prepare(host, found, events)
            assert host.run(["docker", "info"]).exit_code == 0
            return ready

    with ThreadPoolExecutor() as pool:
        every = [Events(), Events()]
        results = list(pool.map(again, every))
    for events, ready in zip(every, results, strict=True):
        assert ready.changed == FULL_LINE
        assert any(isinstance(event, StepFinished) and event.step == "prepare.engine" for event in events.seen)
    assert computer.exec("grep -c '@@ez start engine ' /run/ez/prepare/log").stdout.strip() == "1"


def test_sudo_that_asks_for_a_password(computers: Callable[..., TestComputer]) -> None:
    """And a job that dies, a full disk, a package archive that cannot be reached: each says what to do."""
    computer, events = computers("nosudo"), Events()
    with login(computer, events) as host:
        with pytest.raises(PrepareError, match="sudo asks for a password") as raised:
            make_ready(host, events)
        assert raised.value.hint == (
            "ssh -t ez-box 'echo '\"'\"'dev ALL=(ALL) NOPASSWD: ALL'\"'\"' | sudo tee /etc/sudoers.d/ez'"
        )
        # What the hint says, with the password typed.
        line = "echo 'dev ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ez"
        computer.ssh(f'echo {computer.password} | sudo -S -p "" sh -c "{line}"')

        computer.exec(
            "mount -t tmpfs -o size=40m none /var/cache/apt/archives && mkdir /var/cache/apt/archives/partial"
        )
        with pytest.raises(PrepareError, match="its disk is full") as raised:
            make_ready(host, events)
        assert raised.value.hint == "ssh -t ez-box 'df -h / /var /var/cache/apt'"
        computer.exec("umount /var/cache/apt/archives")

        unreachable = Network(mirrors=(("apt.debian", "http://127.0.0.1:9/debian"),))
        computer.exec("rm -rf /var/lib/apt/lists/*")
        with pytest.raises(PrepareError, match=r"failed on `box`: a package archive is unreachable"):
            make_ready(host, events, unreachable)

        killed = threading.Event()

        def kill_job(event: Event) -> None:
            if isinstance(event, Output) and event.step == "prepare.engine" and not killed.is_set():
                killed.set()
                computer.exec("pkill -KILL -f '[/]var/lib/ez/prepare/scripts'")

        events.when = kill_job
        with pytest.raises(PrepareError, match="the work ended early: `box`"):
            make_ready(host, events)
        assert make_ready(host, events).changed[-2:] == ("start", "group")
