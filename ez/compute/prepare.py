"""Make a computer ready: apply what the plan says is missing, and verify that it is there."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from ez.compute.facts import Facts
from ez.compute.facts import facts as read_facts
from ez.compute.need import Need
from ez.compute.plan import Step, plan, warnings
from ez.compute.work_log import JOB_FOLDER, RUN_FOLDER, WorkLog
from ez.errors import CommandError, HostError, HostKeyError, LinkLostError, PrepareError
from ez.events import Notice, Sink, StepFinished, StepStarted
from ez.ssh.host import Host

TIMEOUT_SECONDS = 3600.0
RESTART_SECONDS = 1800.0
"""How long a machine may take to come back: one with eight cards and their switches tests its memory for a while."""

_ROUNDS = 4
_PAUSE = 2.0
_SEPARATOR = "\x1f"
_UNITS_FOLDER = "/etc/systemd/system"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
COMPANIONS = {"watchdog": ("idle.sh", "deallocate.sh", "cell.sh")}
"""Programs of `scripts/` that a step leaves on the computer."""


@dataclass(frozen=True)
class Ready:
    """A computer that can work. `socket` is its engine's unix socket there, `engine` the engine's version.

    `changed` are the ids of the steps that were done, in a dry run of those that would have been.
    """

    facts: Facts
    socket: str
    engine: str
    changed: tuple[str, ...] = ()


def prepare(
    host: Host,
    facts: Facts,
    sink: Sink,
    *,
    need: Need = Need(),
    repair: bool = False,
    dry_run: bool = False,
    extra: str = "",
    extra_args: Sequence[str] = (),
) -> Ready:
    """Do what is missing on `host`, whose `facts` were just read; nothing, and no round trip, when it is ready.

    The work goes on there when the link drops and when the machine restarts, which some steps want; another call waits
    for it, or goes on where it was cut off, and does the rest. `need` and `repair`: see `plan`; this computer's
    certificates are not added to itself. `extra` goes to each new reading of the facts. Raises PrepareError for what
    cannot be done or failed, LinkLostError when the connection drops.
    """
    if host.is_local:
        need = replace(need, network=replace(need.network, ca_bundle=""))
    changed: list[str] = []
    for _ in range(_ROUNDS):
        follows = facts.preparing or (facts.unfinished and not dry_run)
        steps = () if follows else plan(facts, need, repair=repair and not changed)
        if not follows and (dry_run or not steps):
            _tell(warnings(facts, need, repair=repair), steps, sink)
            done = (*changed, *(step.id for step in steps))
            return Ready(facts, facts.engine.socket, facts.engine.version, done)
        if dry_run:
            raise PrepareError(f"another ez prepares it: `{host.name}`", "wait until it is done")
        changed += [id for id in _apply(host, facts, steps, sink) if id not in changed]
        joined = any(step.needs_reconnect for step in steps)
        if follows or joined:
            host.reconnect()
        facts = read_facts(host, extra, extra_args)
        if joined and host.is_local:
            _check_membership(facts)
    undone = ", ".join(step.title for step in plan(facts, need)) or "another ez keeps changing it"
    raise PrepareError(f"not ready after all was done: `{host.name}`: {undone}", f"ez doctor {host.name}")


def apply(host: Host, facts: Facts, wanted: Step, sink: Sink) -> None:
    """Do one step that no plan has, under the same lock and with the same care. Raises PrepareError where the computer
    cannot take packages, LinkLostError when the connection drops."""
    manager, system = facts.packages.manager, facts.os
    if manager != "apt-get" or not system.is_debian_like:
        raise PrepareError(f"ez cannot {wanted.title} on {system.name or system.id}", "do so there by hand")
    _apply(host, facts, (wanted,), sink)


def _tell(texts: tuple[str, ...], undone: tuple[Step, ...], sink: Sink) -> None:
    for text in texts:
        sink(Notice(text, "warning"))
    for step in undone:
        sink(StepStarted(f"prepare.{step.id}", step.title))
        sink(StepFinished(f"prepare.{step.id}", 0.0, "not done: dry run", skipped=True))


def _check_membership(facts: Facts) -> None:
    """What runs already has its old groups, and is let in by name where the machine can do that."""
    if facts.engine.state != "user":
        raise PrepareError(
            f"`{facts.user}` is in group docker now, which holds from the next login on",
            "log out and in again, then run the same command",
        )


def _apply(host: Host, facts: Facts, steps: tuple[Step, ...], sink: Sink) -> list[str]:
    """Run the steps as root, or follow the ones that an ez runs or ran there; gives the ids of those that were done."""
    log = WorkLog(facts, sink)
    mode, job = ("start", _job(steps, facts.user, is_local=host.is_local)) if steps else ("follow", b"")
    _follow(host, facts, log, mode, job)
    while log.restarting:
        _wait_for_restart(host, facts, log.restarting)
        log.came_back()
        _follow(host, facts, log, "follow", b"")
    log.check()
    return log.done


def _follow(host: Host, facts: Facts, log: WorkLog, mode: str, job: bytes) -> None:
    program = files("ez.compute").joinpath("scripts", "apply.sh").read_text("utf-8")
    become_root = () if facts.uid == 0 else ("sudo", "-n")
    places = (JOB_FOLDER, RUN_FOLDER, _UNITS_FOLDER)
    command = (*become_root, "sh", "-c", program, "ez-prepare", mode, str(log.next_line), *places)
    try:
        host.run(command, input=job, timeout=TIMEOUT_SECONDS, on_line=log.line)
    except CommandError as error:
        if not log.restarting:
            what = f"work could not be started: `{host.name}`"
            raise log.failure(what, error.result.last_lines(5)) from error
    except LinkLostError as error:
        if not log.restarting:
            log.abandon("the connection dropped")
            raise LinkLostError(
                f"the connection to `{host.name}` dropped; the work goes on there", "run the same command again"
            ) from error


def _wait_for_restart(host: Host, facts: Facts, boot: str) -> None:
    """Return when another boot than `boot` takes logins: sshd answers for a while before the machine goes down."""
    deadline = time.monotonic() + RESTART_SECONDS
    while time.monotonic() < deadline:
        time.sleep(_PAUSE)
        try:
            host.reconnect()
            if host.run(["cat", _BOOT_ID], timeout=30).text.strip() not in ("", boot):
                return
        except HostKeyError:
            raise
        except HostError:
            continue
    minutes = round(RESTART_SECONDS / 60)
    raise PrepareError(
        f"`{host.name}` has not come back from its restart for {minutes} minutes; the work goes on when it does",
        f"look at its console, then: ez compute prepare {facts.computer}",
    )


def _job(steps: tuple[Step, ...], user: str, *, is_local: bool) -> bytes:
    """A tar archive: `steps` (one a line), `restart` (whether ez may, and who is no other), and what they need in
    `arguments/` (by number, one a line), `scripts/`, `checks/`, `verifies/` and `settings/`."""
    folder = files("ez.compute").joinpath("scripts")
    library = folder.joinpath("lib.sh").read_text("utf-8")

    def program(name: str) -> str:
        return f"{library}\n{folder.joinpath(f'{name}.sh').read_text('utf-8')}"

    entries = {
        "scripts/run.sh": folder.joinpath("run.sh").read_text("utf-8"),
        "scripts/repair.sh": program("repair"),
        "settings/.keep": "",
        "restart": f"{'never' if is_local else 'now'} {user}\n",
    }
    lines = []
    for number, step in enumerate(steps, start=1):
        reboots = "yes" if step.reboots else "no"
        lines.append(_SEPARATOR.join((step.id, step.title, reboots, f"{step.script}.sh")))
        entries[f"arguments/{number}"] = "".join(f"{word}\n" for word in step.args)
        entries[f"scripts/{step.script}.sh"] = program(step.script)
        entries.update({f"checks/{step.id}": f"{library}\n{step.check}\n"} if step.check else {})
        entries.update({f"verifies/{step.id}": f"{library}\n{step.verify}\n"} if step.verify else {})
        entries.update({f"settings/{name}": text for name, text in step.settings})
        for name in COMPANIONS.get(step.script, ()):
            entries[f"settings/{name}"] = folder.joinpath(name).read_text("utf-8")
    entries["steps"] = "".join(f"{line}\n" for line in lines)
    return archive(entries)


def archive(entries: Mapping[str, str]) -> bytes:
    """A tar archive of texts by their names, for their owner alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, text in entries.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            made.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
