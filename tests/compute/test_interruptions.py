"""The interruption table: what goes wrong, at each step of making a fresh machine ready; the next run ends ready."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

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


@dataclass(frozen=True)
class Interruption:
    """Something that is done once at each of `steps`, when that begins or, `late`, prints its first line.

    `again`: a run that survives it meets it at the next step, too.
    """

    act: Callable[[TestComputer], None]
    steps: tuple[str, ...] = FULL_LINE
    late: bool = False
    again: bool = False
    mend: Callable[[TestComputer], None] = lambda computer: None
    before: str = "true"


Kinds = dict[str, Interruption]
"""What happens on one computer: by name, one after the other at each step."""

Place = tuple[str, str]
"""The name of an interruption, and a step."""


def cut_link(computer: TestComputer) -> None:
    computer.exec("pkill -KILL -u dev sshd || pkill -KILL -f 'sshd: dev' || pkill -KILL -f 'sshd-session: dev'")


def end_job(computer: TestComputer) -> None:
    computer.exec("pkill -KILL -f '[/]var/lib/ez/prepare/scripts'", check=False)


def end_apt(computer: TestComputer) -> None:
    """In the middle of its work, or as it begins some."""
    computer.exec("timeout 60 sh -c 'until pkill -KILL -x apt-get; do sleep 0.05; done'; pkill -KILL -x dpkg; true")


def cut_power(computer: TestComputer) -> None:
    computer.stop()


def fill_disk(computer: TestComputer) -> None:
    """Where the job is, and where packages are kept."""
    computer.exec(
        "cd /var/cache/apt/archives;"
        "mountpoint -q . || { mount -t tmpfs -o size=40k none $PWD && mkdir $PWD/partial; };"
        "cat /dev/zero >>/var/lib/ez/full",
        check=False,
    )


def make_room(computer: TestComputer) -> None:
    computer.exec("umount /var/cache/apt/archives; rm -f /var/lib/ez/full", check=False)


def switch_on(computer: TestComputer) -> None:
    if not computer.runs:
        computer.start()


def kill_laptop(computer: TestComputer) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def small_disk(size: str, steps: tuple[str, ...] = FULL_LINE) -> Interruption:
    """The disk of the job, so that it can be filled."""
    before = f"mkdir -p /var/lib/ez && mount -t tmpfs -o size={size} none /var/lib/ez"
    return Interruption(fill_disk, steps, again=True, mend=make_room, before=before)


# The work goes on whatever becomes of those who follow it, so that these two can share it.
FOLLOWERS = {"the link is cut": cut_link, "the laptop's ez is killed": kill_laptop}

KINDS: tuple[Kinds, ...] = (
    {name: Interruption(act) for name, act in FOLLOWERS.items()},
    {"the work there is killed": Interruption(end_job)},
    {"apt is killed": Interruption(end_apt, ("git", "engine"), late=True, again=True)},
    {"the disk is full": small_disk("2m")},
    {"the machine loses power": Interruption(cut_power, mend=switch_on)},
)

CARD_STEPS = (
    "nouveau", "kernel", "headers", "repository", "driver", "module", "persistence", "toolkit-repository", "toolkit",
    "cdi", "proof",
)  # fmt: skip
CARD_DOWNLOADS = ("kernel", "headers", "repository", "driver", "persistence", "toolkit-repository", "toolkit")

# On a machine whose kernel is too old, which takes a restart on the way.
CARD_KINDS: tuple[Kinds, ...] = (
    {name: Interruption(act, CARD_STEPS) for name, act in FOLLOWERS.items()},
    {"the work there is killed": Interruption(end_job, CARD_STEPS)},
    {"apt is killed": Interruption(end_apt, CARD_DOWNLOADS, late=True, again=True)},
    {"the machine loses power": Interruption(cut_power, CARD_STEPS, mend=switch_on)},
)
# And on one that takes none: a small disk is gone after a restart.
CARD_DISK: tuple[Kinds, ...] = ({"the disk is full": small_disk("200m", CARD_STEPS)},)


@pytest.mark.parametrize("kinds", KINDS, ids=", ".join)
def test_whatever_happens_at_any_step_the_next_run_ends_ready(
    computers: Callable[..., TestComputer], kinds: Kinds
) -> None:
    interrupt_at_each_step(kinds, Need(), lambda: computers("bare"))


@pytest.mark.parametrize("kinds", CARD_KINDS, ids=", ".join)
def test_and_at_any_step_of_a_machine_with_cards(computers: Callable[..., TestComputer], kinds: Kinds) -> None:
    hardware = Hardware(kernel="moved", nouveau=True)
    interrupt_at_each_step(kinds, CARD_NEED, lambda: computers("gpu", hardware=hardware))


@pytest.mark.parametrize("kinds", CARD_DISK, ids=", ".join)
def test_a_full_disk_of_a_machine_with_cards(computers: Callable[..., TestComputer], kinds: Kinds) -> None:
    interrupt_at_each_step(kinds, CARD_NEED, lambda: computers("gpu", hardware=Hardware(nouveau=True)))


def test_the_documents_have_the_count() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "concepts", "prepare.md").read_text()
    plain, cards = (
        {name: len(kind.steps) for one in all for name, kind in one.items()}
        for all in (KINDS, (*CARD_KINDS, *CARD_DISK))
    )
    for name, count in plain.items():
        assert f"| {name} | {count} | {cards[name]} |" in text
    assert f"| together | {sum(plain.values())} | {sum(cards.values())} |" in text


def interrupt_at_each_step(kinds: Kinds, need: Need, fresh: Callable[[], TestComputer]) -> None:
    table, happened = list[str](), list[Place]()
    computer = prepared_for(kinds, fresh())
    while missing := [place for place in places(kinds) if place not in happened]:
        before = len(happened)
        ended = interrupted_run(computer, kinds, missing, happened, need)
        table += [f"{' at '.join(place)}: {ended}" for place in happened[before:]]
        for kind in kinds.values():
            kind.mend(computer)
        if len(happened) == before:
            # The work went on by itself and is done: anew, for the steps that it passed.
            make_ready(computer, need)
            computer.destroy()
            computer = prepared_for(kinds, fresh())
    make_ready(computer, need)
    sys.stdout.write("\n".join((f"{len(table)} interruptions, each ready on the next run:", *table, "")))
    assert len(table) == len(places(kinds))


def places(kinds: Kinds) -> list[Place]:
    return [(name, step) for name, kind in kinds.items() for step in kind.steps]


def prepared_for(kinds: Kinds, computer: TestComputer) -> TestComputer:
    for kind in kinds.values():
        computer.exec(kind.before)
    return computer


def interrupted_run(
    computer: TestComputer, kinds: Kinds, missing: list[Place], happened: list[Place], need: Need
) -> str:
    """A run of another process, interrupted at places that are missing, which come to those that `happened`; how it
    ended."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=run, args=(computer, kinds, missing, need, there))
    child.start()
    there.close()
    ended = ""
    try:
        while True:
            said = here.recv()
            if isinstance(said, tuple):
                happened.append(said)
                ended = "killed"
            else:
                ended = said
    except EOFError:
        child.join(30)
    return ended


def run(computer: TestComputer, kinds: Kinds, missing: list[Place], need: Need, tell: Connection) -> None:
    events = Events()
    done: list[Place] = []

    def interrupt(event: Event) -> None:
        step = getattr(event, "step", "").removeprefix("prepare.")
        for place in missing:
            kind = kinds[place[0]]
            is_over = place in done or (done and not kind.again)
            if place[1] == step and not is_over and isinstance(event, Output if kind.late else StepStarted):
                done.append(place)
                tell.send(place)
                kind.act(computer)
                return

    events.when = interrupt
    try:
        with login(computer, events) as host:
            prepare(host, facts(host), events, need=need)
        tell.send("ready in the same run" if done else "")
    except EzError as error:
        tell.send(error.message.splitlines()[0])


def make_ready(computer: TestComputer, need: Need) -> None:
    events = Events()
    with login(computer, events) as host:
        ready = prepare(host, facts(host), events, need=need)
        assert host.run(["docker", "version", "--format", "{{.Server.Version}}"]).text.strip() == ready.engine
        assert not ready.facts.unfinished
        assert prepare(host, facts(host), events, need=need).changed == ()
