"""NVIDIA cards made usable on machines with simulated ones: packages, restarts and all that goes wrong with them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ez.compute.facts import facts
from ez.compute.need import GpuNeed, Need
from ez.compute.prepare import Ready, prepare
from ez.errors import LinkLostError, PrepareError
from ez.events import CommandRun, Event, Output, StepFinished, StepStarted
from ez.models import Network
from ez.ssh.host import Host
from tests.compute.test_prepare import Events, login
from tests.testbed import Hardware, TestComputer

pytestmark = pytest.mark.testbed

MIRRORS = (
    ("nvidia", "http://127.0.0.1/cuda/repos"),
    ("nvidia_toolkit", "http://127.0.0.1/libnvidia-container"),
)
NEED = Need(Network(mirrors=MIRRORS), gpu=GpuNeed(required=True))


def make_ready(host: Host, sink: Callable[[Event], None], need: Need = NEED) -> Ready:
    return prepare(host, facts(host), sink, need=need)


def in_container(host: Host, *how: str) -> str:
    return host.run(["docker", "run", "--rm", *how, "debian:12", "nvidia-smi", "-L"], timeout=120).text


def test_a_kernel_that_moved_and_a_driver_that_is_in_the_way(computers: Callable[..., TestComputer]) -> None:
    """One restart for both; the driver, the toolkit, the proof; held; and nothing to do afterwards."""
    computer, events = computers("gpu", hardware=Hardware(kernel="moved", nouveau=True)), Events()
    before = computer.boot_id
    with login(computer, events) as host:
        ready = make_ready(host, events)
        assert computer.boot_id != before
        started = [event.step for event in events.seen if isinstance(event, StepStarted)]
        assert started.count("prepare.restart") == 1
        assert {"nouveau", "kernel", "driver", "module", "toolkit", "proof"} <= set(ready.changed)
        assert ready.facts.nvidia.proof == ready.facts.nvidia.driver != ""
        assert "UUID: GPU-" in in_container(host, "--device", "nvidia.com/gpu=all")
        held = computer.exec("apt-mark showhold").stdout.split()
        assert any("nvidia" in name for name in held)
        assert not any("container" in name for name in held)
        events.seen.clear()
        assert make_ready(host, events).changed == ()
        assert len(events.of(CommandRun)) == 1


def test_what_goes_wrong_with_drivers(computers: Callable[..., TestComputer]) -> None:
    """Each says what it is, leaves a package manager that works, and the next run goes on: an engine without CDI."""
    computer, events = computers("gpu-bookworm"), Events()
    with login(computer, events) as host:
        computer.exec("systemctl stop testbed-repository")
        with pytest.raises(PrepareError, match="its packages cannot be fetched: http://127"):
            make_ready(host, events)
        computer.exec("systemctl start testbed-repository")

        computer.fault("dkms-build")
        with pytest.raises(PrepareError, match="NVIDIA's module cannot be built for kernel"):
            make_ready(host, events)
        assert computer.exec("dpkg --audit").stdout == ""
        computer.fault("dkms-build", mended=True)

        computer.fault("dkms-slow")
        cut = threading.Event()

        def cut_power(event: Event) -> None:
            if (
                isinstance(event, Output)
                and event.step == "prepare.driver"
                and "uilding" in event.line
                and not cut.is_set()
            ):
                cut.set()
                computer.stop()

        events.when = cut_power
        with pytest.raises(LinkLostError):
            make_ready(host, events)
        computer.start()
    with login(computer, events) as host:
        ready = make_ready(host, events)
        assert ready.facts.nvidia.proof == ready.facts.nvidia.driver != ""
        assert "UUID: GPU-" in in_container(host, "--gpus", "all")


def test_switches_between_cards(computers: Callable[..., TestComputer]) -> None:
    hardware = Hardware(cards=("H100", "H100"), switches=2)
    computer, events = computers("gpu", hardware=hardware), Events()
    computer.fault("fabric")
    with login(computer, events) as host:
        with pytest.raises(PrepareError, match="the fabric manager does not run"):
            make_ready(host, events)
        computer.fault("fabric", mended=True)
        ready = make_ready(host, events)
        assert "fabric" in ready.changed
        proof = next(
            event for event in events.seen if isinstance(event, StepFinished) and event.step == "prepare.proof"
        )
        assert not proof.skipped
        assert "a container sees the cards, and CUDA starts in it" in events.text
