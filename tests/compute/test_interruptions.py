"""The interruption table: what goes wrong, at each step of making a fresh machine ready; the next run ends ready."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import pytest

from ez.compute.facts import facts
from ez.compute.need import Need
from ez.compute.prepare import prepare
from ez.errors import EzError
from ez.events import Event, Output, StepStarted
from tests.compute.test_prepare import FULL_LINE, Events, login
from tests.compute.test_prepare_gpu import NEED as CARD_NEED
from tests.testbed import Hardware, TestComputer

pytestmark = [pytest.mark.testbed, pytest.mark.thorough]

BARE_AGAIN = """
    systemctl stop docker.socket docker.service containerd.service
    apt-get purge -y -q --autoremove $(dpkg-query --show --showformat '${Package} ' \
        git docker.io docker-cli docker-ce docker-ce-cli containerd containerd.io runc 2>/dev/null)
    getent group docker >/dev/null && groupdel docker
    rm -f /etc/docker/daemon.json.before-ez /run/docker.sock
    cp /root/daemon.json /etc/docker/daemon.json
    ! command -v git && ! command -v docker
"""


@dataclass
class Interruption:
    """Something that is done once at each of `steps`, when that begins or, `late`, prints its first line."""

    act: Callable[[TestComputer], None]
    steps: tuple[str, ...] = FULL_LINE
    late: bool = False
    mend: Callable[[TestComputer], None] = lambda computer: None
    before: str = "true"
    after: str = "true"
    happened: list[str] = field(default_factory=list)


def cut_link(computer: TestComputer) -> None:
    computer.exec("pkill -KILL -u dev sshd || pkill -KILL -f 'sshd: dev' || pkill -KILL -f 'sshd-session: dev'")


def end_job(computer: TestComputer) -> None:
    computer.exec("pkill -KILL -f '[/]var/lib/ez/prepare/scripts'", check=False)


def end_apt(computer: TestComputer) -> None:
    computer.exec("pkill -KILL -x dpkg; pkill -KILL -x apt-get", check=False)


def cut_power(computer: TestComputer) -> None:
    computer.stop()


def fill_disk(computer: TestComputer) -> None:
    """Where the job is, and where packages are kept."""
    computer.exec(
        "mkdir -p /mnt/full && mount -t tmpfs -o size=40k none /var/cache/apt/archives &&"
        "mkdir /var/cache/apt/archives/partial && dd if=/dev/zero of=/var/lib/ez/full bs=1k",
        check=False,
    )


def make_room(computer: TestComputer) -> None:
    computer.exec("umount /var/cache/apt/archives; rm -f /var/lib/ez/full", check=False)


def switch_on(computer: TestComputer) -> None:
    if not computer.runs:
        computer.start()


def kill_laptop(computer: TestComputer) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


KINDS = {
    "the link is cut": Interruption(cut_link),
    "the laptop's ez is killed": Interruption(kill_laptop),
    "the work there is killed": Interruption(end_job),
    "apt is killed": Interruption(end_apt, ("git", "engine"), late=True),
    # The disk of the job is small then, so that it can be filled.
    "the disk is full": Interruption(
        fill_disk, mend=make_room, before="mount -t tmpfs -o size=2m none /var/lib/ez", after="umount /var/lib/ez"
    ),
    "the machine loses power": Interruption(cut_power, mend=switch_on),
}

CARD_STEPS = (
    "nouveau", "kernel", "headers", "repository", "driver", "module", "persistence", "toolkit-repository", "toolkit",
    "cdi", "proof",
)  # fmt: skip
CARD_KINDS = {
    "the work there is killed": Interruption(end_job, CARD_STEPS),
    "apt is killed": Interruption(end_apt, ("driver",), late=True),
    "the machine loses power": Interruption(cut_power, CARD_STEPS, mend=switch_on),
}


def test_whatever_happens_at_any_step_the_next_run_ends_ready(computers: Callable[..., TestComputer]) -> None:
    computer = computers("bare")
    computer.exec("cp /etc/docker/daemon.json /root && mkdir -p /var/lib/ez")

    def bare_again() -> TestComputer:
        computer.exec(BARE_AGAIN, timeout=300)
        return computer

    interrupt_at_each_step(KINDS, Need(), bare_again)


def test_and_at_any_step_of_a_machine_with_cards(computers: Callable[..., TestComputer]) -> None:
    """That needs a new kernel and a restart on the way."""
    made: list[TestComputer] = []

    def another() -> TestComputer:
        for old in made:
            old.destroy()
        made[:] = [computers("gpu", hardware=Hardware(kernel="moved", nouveau=True))]
        return made[0]

    interrupt_at_each_step(CARD_KINDS, CARD_NEED, another)


def interrupt_at_each_step(kinds: dict[str, Interruption], need: Need, fresh: Callable[[], TestComputer]) -> None:
    table: list[str] = []
    for name, kind in kinds.items():
        computer = fresh()
        computer.exec(kind.before)
        while missing := [step for step in kind.steps if step not in kind.happened]:
            assert len(table) < 60, "\n".join(table[-8:])
            ended = interrupted_run(computer, kind, missing, need)
            kind.mend(computer)
            if ended:
                table.append(f"{name} at {kind.happened[-1]}: {ended}")
            else:
                # The work went on by itself and is done: anew, for the steps that it passed.
                make_ready(computer, need)
                computer = fresh()
        make_ready(computer, need)
        computer.exec(kind.after)
    assert len(table) == sum(len(kind.steps) for kind in kinds.values()), "\n".join(table)
    sys.stdout.write("\n".join((f"{len(table)} interruptions, each ready on the next run:", *table, "")))


def interrupted_run(computer: TestComputer, kind: Interruption, missing: list[str], need: Need) -> str:
    """A run of another process, interrupted at the first step that is missing; how it ended, empty if nothing was
    left to do."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=run, args=(computer, kind, missing, need, there))
    child.start()
    there.close()
    ended = ""
    try:
        while True:
            said = here.recv()
            if said[0] == "at":
                kind.happened.append(said[1])
                ended = "killed"
            else:
                ended = said[1]
    except EOFError:
        child.join(30)
    return ended


def run(computer: TestComputer, kind: Interruption, missing: list[str], need: Need, tell: Connection) -> None:
    events = Events()
    happened: list[str] = []

    def interrupt(event: Event) -> None:
        step = getattr(event, "step", "").removeprefix("prepare.")
        if happened or step not in missing or not isinstance(event, Output if kind.late else StepStarted):
            return
        happened.append(step)
        tell.send(("at", step))
        kind.act(computer)

    events.when = interrupt
    try:
        with login(computer, events) as host:
            prepare(host, facts(host), events, need=need)
        tell.send(("end", "ready in the same run" if happened else ""))
    except EzError as error:
        tell.send(("end", error.message.splitlines()[0]))


def make_ready(computer: TestComputer, need: Need) -> None:
    events = Events()
    with login(computer, events) as host:
        ready = prepare(host, facts(host), events, need=need)
        assert host.run(["docker", "version", "--format", "{{.Server.Version}}"]).text.strip() == ready.engine
        assert not ready.facts.unfinished
        assert prepare(host, facts(host), events, need=need).changed == ()
