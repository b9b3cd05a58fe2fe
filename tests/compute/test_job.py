"""A job's life, with the programs that run it and steps of a line each: cut off, restarted, followed by two."""

import io
import os
import shlex
import signal
import subprocess
import tarfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ez.compute import prepare
from ez.compute.work_log import WorkLog
from ez.errors import HostError, HostKeyError, LinkLostError, PrepareError, Result
from ez.events import Event, Output, StepFailed, StepFinished, StepStarted
from ez.ssh.local import LocalHost
from tests.compute.values import told

SCRIPTS = files("ez.compute").joinpath("scripts")
DONE = 'echo "$STEP" >>"$EFFECTS"'
ASKS = 'echo "the kernel is new" >"$EZ_RUN/reboot"'
KILLED = "kill -KILL $PPID; exit 1"


@dataclass
class Machine:
    """Its disk, its memory, and the programs that would restart it."""

    folder: Path
    parts: dict[str, str] = field(default_factory=dict)
    steps: list[tuple[str, ...]] = field(default_factory=list)
    policy: str = "now dev"

    def __post_init__(self) -> None:
        self.job, self.run, self.units = (self.folder / name for name in ("var/prepare", "run/prepare", "units"))
        self.units.mkdir()
        self.program("systemctl", 'echo "$@" >>"$ORDERS"')
        self.program("reboot", "exit 1")
        self.program("docker", "exit 1")
        self.program("who", "exit 0")

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def step(self, id: str, text: str = "", *args: str, check: str = "", verify: str = "", reboots: str = "no") -> None:
        self.steps.append((id, f"do {id}", reboots, f"{id}.sh"))
        self.parts[f"arguments/{len(self.steps)}"] = "".join(f"{word}\n" for word in args)
        self.parts[f"scripts/{id}.sh"] = f"STEP={id}\n{text or DONE}\n"
        self.parts |= {f"checks/{id}": check} if check else {}
        self.parts |= {f"verifies/{id}": verify} if verify else {}

    def change(self, id: str, text: str) -> None:
        """As time changes what a step meets."""
        (self.job / "scripts" / f"{id}.sh").write_text(f"STEP={id}\n{text}\n")

    def boot(self) -> None:
        """What a restart leaves: the disk, and a log of another boot in the position."""
        subprocess.run(["rm", "-rf", self.run], check=True)
        position = self.job / "position"
        position.write_text(position.read_text().rpartition(" ")[0] + " another-boot\n")

    def start(self) -> list[str]:
        return self.apply("start", input=self.archive())

    def archive(self) -> bytes:
        entries = self.parts | {
            "scripts/run.sh": SCRIPTS.joinpath("run.sh").read_text("utf-8"),
            "scripts/repair.sh": "STEP=repair\n" + DONE,
            "settings/secret": "hush",
            "restart": self.policy + "\n",
            "steps": "".join("\x1f".join(step) + "\n" for step in self.steps),
        }
        return archive(entries)

    def follow(self, line: int = 1) -> list[str]:
        return self.apply("follow", line)

    def apply(self, mode: str, line: int = 1, input: bytes = b"") -> list[str]:
        done = subprocess.run(
            self.command(mode, line), input=input, env=self.environment, capture_output=True, timeout=60
        )
        assert done.stderr == b""
        return done.stdout.decode().splitlines()

    def command(self, mode: str, line: int = 1) -> Sequence[str]:
        program = SCRIPTS.joinpath("apply.sh").read_text("utf-8")
        places = (str(self.job), str(self.run), str(self.units))
        return ["sh", "-c", program, "ez-prepare", mode, str(line), *places]

    @property
    def environment(self) -> dict[str, str]:
        places = {"EFFECTS": str(self.folder / "effects"), "ORDERS": str(self.folder / "orders")}
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "EZ_COMMAND": "marked", **places}

    def effects(self) -> list[str]:
        path = self.folder / "effects"
        return path.read_text().split() if path.exists() else []

    def orders(self) -> list[str]:
        path = self.folder / "orders"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line == "reboot"]

    @property
    def unit(self) -> Path:
        return self.units / "ez-prepare.service"


def archive(entries: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as written:
        for name, text in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            written.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_steps_run_in_order_with_their_arguments(machine: Machine) -> None:
    words = ("two words", "", "$(echo no);'*", "\\n last", "")
    machine.step(
        "one", 'printf "<%s>" "$@"; echo "${EZ_COMMAND-unmarked}"; cat "$EZ_JOB/settings/secret"; ' + DONE, *words
    )
    machine.step("two", "echo never", "ready", check='[ "$1" = ready ]')
    machine.step("three", verify="exit 0")
    shown = machine.start()
    assert "<two words><><$(echo no);'*><\\n last><>unmarked" in shown
    assert machine.effects() == ["one", "three"]
    assert [line for line in shown if line.startswith("@@ez ")] == [
        "@@ez start one do one",
        "@@ez end one 0",
        "@@ez start two do two",
        "@@ez skip two",
        "@@ez start three do three",
        "@@ez end three 0",
        "@@ez exit 0",
    ]
    assert not machine.unit.exists()
    assert not (machine.job / "settings").exists()
    assert machine.follow()[-1] == "@@ez exit 0"
    assert machine.effects() == ["one", "three"]


@pytest.mark.parametrize("part", ["script", "verify"])
def test_a_failure_ends_it(machine: Machine, part: str) -> None:
    machine.step("one", "exit 3" if part == "script" else "", verify="exit 1")
    machine.step("two")
    shown = machine.start()
    assert shown[-1] == f"@@ez exit {3 if part == 'script' else 1}"
    assert "two" not in machine.effects()
    assert not machine.unit.exists()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("boots", [False, True])
def test_killed_in_each_step(machine: Machine, number: int, boots: bool) -> None:
    """The job, or the whole machine: it goes on in that step, after what was cut off is mended."""
    names = ["one", "two", "three"]
    for position, name in enumerate(names, start=1):
        machine.step(name, KILLED if position == number else "")
    assert machine.start()[-1] == "@@ez exit died"
    assert machine.unit.exists()
    machine.change(names[number - 1], DONE)
    if boots:
        machine.boot()
    shown = machine.follow()
    assert shown[-1] == "@@ez exit 0"
    assert machine.effects() == [*names[: number - 1], "repair", *names[number - 1 :]]
    assert not machine.unit.exists()


def test_the_next_boot_goes_on_by_itself(machine: Machine) -> None:
    machine.step("one", KILLED)
    machine.step("two")
    machine.start()
    machine.change("one", DONE)
    machine.boot()
    command = machine.unit.read_text().partition("ExecStart=")[2].splitlines()[0]
    subprocess.run(shlex.split(command), env=machine.environment, check=True, timeout=30)
    assert machine.effects() == ["repair", "one", "two"]
    assert "going on after a restart of the machine" in machine.follow()[0]


def test_steps_side_by_side_cost_one_restart(machine: Machine) -> None:
    """What fails beside one that asks is done again after it, and verified only then."""
    machine.step("before")
    machine.step("kernel", ASKS, verify=DONE.replace("$STEP", "verified"), reboots="yes")
    machine.step("module", "exit 1", reboots="yes")
    machine.step("after")
    shown = machine.start()
    assert shown[-1] == "@@ez exit restarting"
    assert machine.orders() == ["reboot"]
    assert machine.effects() == ["before"]
    machine.change("kernel", DONE)
    machine.change("module", DONE)
    machine.boot()
    rest = machine.follow(len(shown) - 1)
    assert rest[0].startswith("@@ez restart ")
    assert rest[1] == "@@ez note going on after a restart of the machine"
    assert rest[-1] == "@@ez exit 0"
    assert machine.effects() == ["before", "repair", "kernel", "verified", "module", "after"]
    assert machine.orders() == ["reboot"]


def test_a_restart_that_does_not_help(machine: Machine) -> None:
    machine.step("kernel", ASKS, reboots="yes")
    for _ in range(2):
        assert (machine.start() if not machine.job.exists() else machine.follow())[-1] == "@@ez exit restarting"
        machine.boot()
    shown = machine.follow()
    assert "@@ez error restarted 2 times, and it is still needed: the kernel is new" in shown
    assert shown[-1] == "@@ez exit 1"
    assert not machine.unit.exists()


def test_power_cuts_are_no_restarts_that_were_asked_for(machine: Machine) -> None:
    machine.step("kernel", KILLED, reboots="yes")
    machine.start()
    for _ in range(2):
        machine.boot()
        assert machine.follow()[-1] == "@@ez exit died"
    machine.change("kernel", ASKS)
    machine.boot()
    assert machine.follow()[-1] == "@@ez exit restarting"
    machine.change("kernel", DONE)
    machine.boot()
    assert machine.follow()[-1] == "@@ez exit 0"


def test_a_machine_that_keeps_going_down(machine: Machine) -> None:
    machine.step("module", KILLED)
    machine.start()
    for _ in range(3):
        machine.boot()
        assert machine.follow()[-1] == "@@ez exit died"
    machine.boot()
    assert machine.follow()[-1] == "@@ez exit 1"
    assert not machine.unit.exists()


@pytest.mark.parametrize(
    ("program", "text", "reason"),
    [
        ("docker", "echo 1234; echo 5678", "containers run there: 2"),
        ("who", "echo 'dev pts/0'; echo 'ann pts/1'; echo root tty1", "others are logged in: ann"),
        ("", "", "this computer is never restarted by ez"),
    ],
)
def test_nobody_is_disturbed_by_a_restart(machine: Machine, program: str, text: str, reason: str) -> None:
    """It waits for somebody else's restart, and goes on after that."""
    if program:
        machine.program(program, text)
    else:
        machine.policy = "never dev"
    machine.step("kernel", ASKS, reboots="yes")
    machine.step("after")
    shown = machine.start()
    assert f"@@ez restart-needed the kernel is new ({reason})" in shown
    assert shown[-1] == "@@ez exit waits"
    assert machine.orders() == []
    assert machine.follow()[-1] == "@@ez exit waits"
    machine.change("kernel", DONE)
    machine.boot()
    assert machine.follow()[-1] == "@@ez exit 0"
    assert machine.effects()[-2:] == ["kernel", "after"]


def test_the_laptop_goes_away_and_two_come_back(machine: Machine) -> None:
    """What started the job is killed; the work goes on, and a second start waits for it instead."""
    gate = machine.folder / "gate"
    machine.step("one", f"echo begun; until [ -e {gate} ]; do sleep 0.05; done; {DONE}")
    machine.step("two")
    first = subprocess.Popen(
        machine.command("start"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=machine.environment
    )
    assert first.stdin is not None
    assert first.stdout is not None
    first.stdin.write(machine.archive())
    first.stdin.close()
    assert b"@@ez start one do one\n" in iter(first.stdout.readline, b"begun\n")
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    answers: list[list[str]] = []
    others = [threading.Thread(target=lambda: answers.append(machine.start())) for _ in range(2)]
    for other in others:
        other.start()
    gate.touch()
    for other in others:
        other.join()
    assert [answer[-1] for answer in answers] == ["@@ez exit 0", "@@ez exit 0"]
    assert machine.effects()[:2] == ["one", "two"]


class Restarting(LocalHost):
    """What its `cat` of the boot id gives, one answer after the other: sshd answers before the machine goes down."""

    def __init__(self, *answers: str | HostError) -> None:
        super().__init__(environment={"PATH": os.environ["PATH"]}, home=Path("/"))
        self.answers = list(answers)

    def run(self, argv: Sequence[str], **options: Any) -> Result:
        answer = self.answers.pop(0)
        if isinstance(answer, HostError):
            raise answer
        return super().run(["echo", answer], **options)


def test_a_machine_that_answers_is_only_back_with_another_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "_PAUSE", 0.0)
    gone = LinkLostError("the connection dropped")
    host = Restarting("boot-1", gone, "", HostError("it starts"), "boot-2", "never asked")
    prepare._wait_for_restart(host, told(), "boot-1")
    assert host.answers == ["never asked"]
    with pytest.raises(HostKeyError):
        prepare._wait_for_restart(Restarting(HostKeyError("another key")), told(), "boot-1")
    monkeypatch.setattr(prepare, "RESTART_SECONDS", 0.0)
    with pytest.raises(PrepareError, match="`local` has not come back from its restart"):
        prepare._wait_for_restart(Restarting(), told(), "boot-1")


def heard(*lines: str) -> tuple[WorkLog, list[Event]]:
    events: list[Event] = []
    log = WorkLog(told(), events.append)
    for line in lines:
        log.line(line)
    return log, events


def test_the_log_of_a_job_that_restarts_is_told_once() -> None:
    lines = ("@@ez start kernel newest kernel", "apt says", "@@ez end kernel restart", "@@ez restart boot-1 why")
    log, events = heard(*lines, "@@ez exit restarting")
    assert (log.restarting, log.next_line) == ("boot-1", 4)
    log.came_back()
    for line in (
        lines[-1],
        "@@ez note going on",
        "@@ez start kernel newest kernel",
        "@@ez end kernel 0",
        "@@ez exit 0",
    ):
        log.line(line)
    log.check()
    assert log.done == ["kernel"]
    assert log.next_line == 7
    assert [event.step for event in events if isinstance(event, StepStarted)] == ["prepare.kernel", "prepare.restart"]
    assert [event.step for event in events if isinstance(event, StepFinished)] == ["prepare.kernel", "prepare.restart"]
    assert [event.line for event in events if isinstance(event, Output)] == ["apt says", "going on"]


def test_a_restart_that_is_over_is_not_waited_for() -> None:
    log, _ = heard("@@ez restart boot-1 why", "@@ez start two do two", "@@ez end two 0", "@@ez exit 0")
    assert log.restarting == ""
    log.check()


@pytest.mark.parametrize(
    ("lines", "message", "hint"),
    [
        (["@@ez exit died"], "the work ended early: `box`", "run the same command again"),
        (
            ["@@ez restart-needed a new kernel (containers run there: 2)", "@@ez exit waits"],
            "`box` has to be restarted: a new kernel (containers run there: 2); the work goes on by itself after it",
            "ssh -t ez-box 'sudo systemctl reboot'",
        ),
        (
            [
                "@@ez start a do a",
                "@@ez error it broke",
                "@@ez there look",
                "@@ez error later",
                "@@ez end a 1",
                "@@ez exit 1",
            ],
            "do a failed on `box`: it broke",
            "ssh -t ez-box look",
        ),
        (
            ["@@ez start a do a", "tar: write error: No space left on device", "@@ez end a 2", "@@ez exit 2"],
            "do a failed on `box`: its disk is full\n  tar: write error: No space left on device",
            "ssh -t ez-box 'df -h / /var /var/cache/apt'",
        ),
        (
            ["@@ez start a do a", "E: Sub-process /usr/bin/dpkg received signal 9", "@@ez end a 100", "@@ez exit 100"],
            "do a failed on `box`: an installation was ended by somebody\n"
            "  E: Sub-process /usr/bin/dpkg received signal 9",
            "ssh -t ez-box 'ps -ef'",
        ),
    ],
)
def test_how_a_job_ends(lines: list[str], message: str, hint: str) -> None:
    log, events = heard(*lines)
    with pytest.raises(PrepareError) as raised:
        log.check()
    assert (raised.value.message, raised.value.hint) == (message, hint)
    assert len([event for event in events if isinstance(event, StepFailed)]) == sum(
        "@@ez end" in line for line in lines
    )
