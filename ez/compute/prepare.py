"""Make a computer ready: apply what the plan says is missing, and verify that it is there."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from ez.compute.facts import Facts
from ez.compute.facts import facts as read_facts
from ez.compute.plan import Step, plan, warnings
from ez.compute.work_log import WorkLog
from ez.errors import CommandError, LinkLostError, PrepareError
from ez.events import Notice, Sink, StepFinished, StepStarted
from ez.models import Network
from ez.ssh.host import Host

TIMEOUT_SECONDS = 3600.0
_ROUNDS = 3
_SEPARATOR = "\x1f"


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
    network: Network | None = None,
    engine: bool = True,
    dry_run: bool = False,
    extra: str = "",
    extra_args: Sequence[str] = (),
) -> Ready:
    """Do what is missing on `host`, whose `facts` were just read; nothing, and no round trip, when it is ready.

    The work goes on there when the link drops; another call waits for it and does the rest. `network` is applied to
    what is installed, but this computer's certificates are not added to itself. `engine`: see `plan`. `extra` goes to
    each new reading of the facts. Raises PrepareError for what cannot be done or failed, LinkLostError when the
    connection drops.
    """
    need = network or Network()
    if host.is_local:
        need = replace(need, ca_bundle="")
    changed: list[str] = []
    for _ in range(_ROUNDS):
        steps = () if facts.preparing else plan(facts, need, engine=engine)
        if not facts.preparing and (dry_run or not steps):
            _tell(facts, steps, sink)
            done = (*changed, *(step.id for step in steps))
            return Ready(facts, facts.engine.socket, facts.engine.version, done)
        if dry_run:
            raise PrepareError(f"another ez prepares it: `{host.name}`", "wait until it is done")
        changed += _apply(host, facts, steps, sink)
        if facts.preparing or any(step.needs_reconnect for step in steps):
            _log_in_again(host, facts)
        facts = read_facts(host, extra, extra_args)
    undone = ", ".join(step.title for step in plan(facts, need, engine=engine)) or "another ez keeps changing it"
    raise PrepareError(f"not ready after all was done: `{host.name}`: {undone}", f"ez doctor {host.name}")


def _tell(facts: Facts, undone: tuple[Step, ...], sink: Sink) -> None:
    for text in warnings(facts):
        sink(Notice(text, "warning"))
    for step in undone:
        sink(StepStarted(f"prepare.{step.id}", step.title))
        sink(StepFinished(f"prepare.{step.id}", 0.0, "not done: dry run", skipped=True))


def _log_in_again(host: Host, facts: Facts) -> None:
    if host.is_local:
        raise PrepareError(
            f"`{facts.user}` is in group docker now, which holds from the next login on",
            "log out and in again, then run the same command",
        )
    host.reconnect()


def _apply(host: Host, facts: Facts, steps: tuple[Step, ...], sink: Sink) -> list[str]:
    """Run the steps as root, or follow the ones that another ez runs there; gives the ids of those that were done."""
    log = WorkLog(facts, sink)
    program = files("ez.compute").joinpath("scripts", "apply.sh").read_text("utf-8")
    become_root = () if facts.uid == 0 else ("sudo", "-n")
    command = (*become_root, "sh", "-c", program, "ez-prepare", "start" if steps else "follow")
    job = _job(steps) if steps else b""
    try:
        host.run(command, input=job, timeout=TIMEOUT_SECONDS, on_line=log.line)
    except LinkLostError as error:
        log.abandon("the connection dropped")
        raise LinkLostError(
            f"the connection to `{host.name}` dropped; the work goes on there", "run the same command again"
        ) from error
    except CommandError as error:
        lines = "\n".join(error.result.last_lines(5))
        raise PrepareError(f"work could not be started: `{host.name}`\n{lines}", f"ez doctor {host.name}") from error
    log.check()
    return log.done


def _job(steps: tuple[Step, ...]) -> bytes:
    """A tar archive: `steps` (one a line), `scripts/` and `settings/`."""
    folder = files("ez.compute").joinpath("scripts")
    library = folder.joinpath("lib.sh").read_text("utf-8")
    entries = {"scripts/run.sh": folder.joinpath("run.sh").read_text("utf-8"), "settings/.keep": ""}
    lines = []
    for step in steps:
        lines.append(_SEPARATOR.join((step.id, step.title, f"{step.script}.sh", *step.args)))
        own = folder.joinpath(f"{step.script}.sh").read_text("utf-8")
        entries[f"scripts/{step.script}.sh"] = f"{library}\n{own}"
        entries.update({f"settings/{name}": text for name, text in step.settings})
    entries["steps"] = "".join(f"{line}\n" for line in lines)
    return _archive(entries)


def _archive(entries: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in entries.items():
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
