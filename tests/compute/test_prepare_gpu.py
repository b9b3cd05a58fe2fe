"""NVIDIA cards made usable on machines with simulated ones: packages, restarts and all that goes wrong with them."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ez.compute.facts import facts
from ez.compute.need import GpuNeed, Need
from ez.compute.prepare import Ready, prepare
from ez.errors import LinkLostError, PrepareError
from ez.events import CommandRun, Event, Notice, Output, StepFinished, StepStarted
from ez.models import Network
from ez.ssh.host import Host
from tests.compute.test_prepare import Events, login
from tests.testbed import Hardware, TestComputer
from tests.testbed.archive import Entry

pytestmark = pytest.mark.testbed

MIRRORS = (
    ("nvidia", "http://127.0.0.1/cuda/repos"),
    ("nvidia_toolkit", "http://127.0.0.1/libnvidia-container"),
)
INSTALLED = "dpkg-query --show --showformat '${db:Status-Status} ${Version} ${Package}\\n'"
NEED = Need(Network(mirrors=MIRRORS), gpu=GpuNeed(required=True))


def make_ready(host: Host, sink: Callable[[Event], None], need: Need = NEED) -> Ready:
    return prepare(host, facts(host), sink, need=need)


def check_gpu(computer: TestComputer) -> dict[str, str]:
    """Findings of `scripts/check-gpu` there, which needs Python alone, with their verdicts."""
    program = ["tar", "-c", "--exclude=__pycache__", "ez", "scripts"]
    archive = subprocess.run(program, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True).stdout
    computer.exec("mkdir /opt/ez && tar -x -C /opt/ez", stdin=archive)
    found = json.loads(computer.ssh("/opt/ez/scripts/check-gpu --json").stdout)
    return {finding["what"]: finding["verdict"] for finding in found}


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
        held = set(computer.exec("apt-mark showhold").stdout.split())
        driver = computer.exec(
            INSTALLED + f"| sed -n 's/^installed {ready.facts.nvidia.driver}-[^ ]* //p'"
        ).stdout.split()
        assert len(driver) > 3
        assert held >= set(driver)
        assert not any("container" in name for name in held)
        events.seen.clear()
        assert make_ready(host, events).changed == ()
        assert len(events.of(CommandRun)) == 1
    verdicts = check_gpu(computer)
    assert {"cuInit", "CUDA of the driver", "container"} < set(verdicts)
    assert set(verdicts.values()) == {"ok"}
    with login(computer, events) as host:
        computer.exec("rm /var/lib/ez/gpu-proof && mv /usr/bin/python3 /usr/bin/python3.away")
        assert make_ready(host, events).changed == ("proof",)
        assert "a container sees the cards, and CUDA starts in it" in events.text

    # Secure Boot is switched on: what was built there is not let in any more.
    computer.exec("echo 1 >/var/lib/testbed/hardware/secure-boot")
    computer.reboot()
    with login(computer, events) as host, pytest.raises(PrepareError, match="Secure Boot refuses NVIDIA's module"):
        make_ready(host, events)


def test_what_goes_wrong_with_drivers(computers: Callable[..., TestComputer]) -> None:
    """Each says what it is, leaves a package manager that works, and the next run goes on: an engine without CDI."""
    computer, events = computers("gpu-bookworm", hardware=Hardware(kernel="newer")), Events()
    # As unattended upgrades leave a machine: its newest kernel does not run yet.
    computer.exec("apt-get update -q && apt-get install -y -q linux-image-cloud-amd64", timeout=180)
    before = computer.boot_id
    with login(computer, events) as host:
        computer.exec("systemctl disable --now testbed-repository")
        with pytest.raises(PrepareError, match="its packages cannot be fetched: http://127"):
            make_ready(host, events)
        assert computer.boot_id != before
        computer.exec("systemctl enable --now testbed-repository")

        computer.fault("dkms-once")
        with pytest.raises(PrepareError, match="NVIDIA's module cannot be built for kernel"):
            make_ready(host, events)
        assert computer.exec("dpkg --audit").stdout == ""

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
        and_back_again(computer, host, events)


def and_back_again(computer: TestComputer, host: Host, events: Events) -> None:
    """Its old settings again: by the command that was told, and by itself where the engine does not start."""
    told = next(line for line in events.text.splitlines() if line.startswith("to go back: "))
    computer.ssh(told.removeprefix("to go back: "))
    as_before = computer.exec("cat /etc/docker/daemon.json").stdout
    assert "runtimes" not in as_before
    assert host.run(["docker", "info"]).exit_code == 0

    # Somebody's own rule for the engine's settings.
    rule = "[Service]\nExecStartPre=/bin/sh -c '! grep runtimes /etc/docker/daemon.json'\n"
    computer.write(Entry("etc/systemd/system/docker.service.d", None, 0o755))
    computer.write(Entry("etc/systemd/system/docker.service.d/own.conf", rule))
    computer.exec("rm /var/lib/ez/gpu-proof; systemctl daemon-reload")
    with pytest.raises(PrepareError, match="does not start with its settings merged; it has the old ones again"):
        make_ready(host, events)
    assert computer.exec("cat /etc/docker/daemon.json").stdout == as_before
    assert host.run(["docker", "info"]).exit_code == 0


def test_switches_between_cards(computers: Callable[..., TestComputer]) -> None:
    """And a kernel whose headers can still be had although there is a newer one: it goes on running."""
    hardware = Hardware(cards=("H100", "H100"), switches=2, kernel="newer")
    computer, events = computers("gpu", hardware=hardware), Events()
    before = computer.boot_id
    computer.fault("fabric")
    computer.fault("toolkit-cdi")
    with login(computer, events) as host:
        with pytest.raises(PrepareError, match="the fabric manager does not run"):
            make_ready(host, events)
        computer.fault("fabric", mended=True)
        with pytest.raises(PrepareError, match="the cards cannot be described for containers"):
            make_ready(host, events)
        computer.fault("toolkit-cdi", mended=True)
        ready = make_ready(host, events)
        assert ready.changed[-2:] == ("cdi", "proof")
        assert computer.boot_id == before
        proof = next(
            event for event in events.seen if isinstance(event, StepFinished) and event.step == "prepare.proof"
        )
        assert not proof.skipped
        assert "a container sees the cards, and CUDA starts in it" in events.text


def test_signed_modules_of_ubuntu(computers: Callable[..., TestComputer]) -> None:
    """Nothing is built, and Secure Boot lets them in; they are for the newest kernel alone."""
    hardware = Hardware(secure_boot=True, kernel="newer", cloud="azure")
    computer, events = computers("gpu-ubuntu", hardware=hardware), Events()
    before = computer.boot_id
    with login(computer, events) as host:
        ready = make_ready(host, events)
        assert computer.boot_id != before
        assert not {"headers", "repository"} & set(ready.changed)
        assert ready.facts.nvidia.proof == ready.facts.nvidia.driver != ""
        assert computer.exec("command -v dkms", check=False).stdout == ""
        held = set(computer.exec("apt-mark showhold").stdout.split())
        assert held >= {"nvidia-utils-580-server", "linux-image-azure"}
        assert make_ready(host, events).changed == ()


def test_other_cards_of_a_cloud(computers: Callable[..., TestComputer]) -> None:
    """AMD's are left alone; a part of NVIDIA's takes the cloud's own installer and no other driver."""
    computer, events = computers("gpu-ubuntu", hardware=Hardware(cards=("NVv4",), cloud="azure")), Events()
    need = replace(NEED, engine=False)
    with login(computer, events) as host:
        assert make_ready(host, events, replace(need, gpu=GpuNeed())).changed == ("git",)
        assert "its card is AMD's, and environments take NVIDIA's: left alone" in str(events.of(Notice))
        with pytest.raises(PrepareError, match="its card is AMD's"):
            make_ready(host, events, need)

    computer.write(*Hardware(cards=("A10-part",), cloud="azure").files())
    computer.reboot()
    with login(computer, events) as host:
        assert make_ready(host, events, need).changed == ("headers", "grid", "module")
        assert "UUID: GPU-" in host.run(["nvidia-smi", "-L"]).text
        settings = computer.exec("cat /etc/nvidia/gridd.conf").stdout
        assert "FeatureType" not in settings
        assert "IgnoreSP=FALSE\nEnableUI=FALSE\n" in settings
        assert make_ready(host, events, need).changed == ()
