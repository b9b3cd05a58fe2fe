"""`ez share open`: where a share goes on this computer, and the process that keeps it there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.access import let_in, publish_computer
from ez.cli.detach import detach
from ez.cli.endpoint import ssh_config
from ez.cli.session import Session
from ez.compute.ensure import ensure
from ez.env.shares.here import SMB_PORT, Opened, await_open, begin, job_of
from ez.env.shares.model import SMB
from ez.env.shares.way import answers, way_through
from ez.errors import EzError, UsageError
from ez.events import step
from ez.models import Computer, SshEndpoint

if TYPE_CHECKING:
    from ez.env.shares.model import Share

_MOST_ASKED = 5
"""Computers that are tried one after another."""


def open_share(run: Session, name: str, share: Share, computer: str | None, at: str | None) -> Opened:
    """Raises EzError where it cannot be had; then nothing is left of it."""
    known = name in dict(run.settings.shares)
    path = _place(run, share, name if known else "", at)
    through = _through(run, share, computer)
    job = job_of(share, path, through)
    file = begin(run.settings, job)
    with step(run.sink, "open", f"Open {share.text}"):
        detach(["share", "hold-open", str(file)])
        await_open(job, file)
    return Opened(job.source, job.path, job.through)


def _through(run: Session, share: Share, computer: str | None) -> str:
    """The computer whose connection it takes, empty for none. One that nobody named is looked for where the server of
    an SMB share is not reached from here."""
    if computer in (".", "local"):
        return ""
    if computer is not None:
        publish_computer(run, ensure(computer, run.state))
        let_in(run, computer)
        return computer
    port = share.port or SMB_PORT
    if share.kind != SMB or answers(share.server, port):
        return ""
    with step(run.sink, "way", f"Look for a way to {share.server}") as report:
        candidates = _candidates(run)
        for known in candidates:
            publish_computer(run, known)
        found = way_through(
            ["ssh", *ssh_config(run).arguments], share.server, port, [known.name for known in candidates]
        )
        report.detail = f"port {port} is closed here; through {found}" if found else "none"
    if not found:
        raise EzError(
            f"`{share.server}` does not answer on port {port}, from here or through a computer of yours",
            f"ez share open {share.text} -c COMPUTER",
        )
    return found


def _candidates(run: Session) -> list[Computer]:
    """The chosen computer, then those with environments, then others; none that only is this one."""
    chosen = run.settings.text("defaults.computer")
    used = {record.computer for record in run.state.environments()}
    known = [computer for computer in run.state.computers() if isinstance(computer.endpoint, SshEndpoint)]
    return sorted(known, key=lambda computer: (computer.name != chosen, computer.name not in used))[:_MOST_ASKED]


def _place(run: Session, share: Share, name: str, at: str | None) -> Path:
    """An empty folder: the one asked for, that of environments where this person may have it, else one in the home."""
    home = run.settings.directories.home
    if at is not None:
        return _made(Path(os.path.abspath(os.path.expanduser(at))))
    last = name or share.place.strip("/").rsplit("/", 1)[-1] or "share"
    places = [Path(os.path.expanduser(share.target))] if name else []
    for place in places:
        try:
            return _made(place)
        except (OSError, UsageError):
            continue
    return _made(home / "ez" / "shares" / "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in last))


def _made(path: Path) -> Path:
    if path.is_dir() and (any(path.iterdir()) or not os.access(path, os.W_OK)):
        raise UsageError(f"a share needs an empty folder: `{path}`", "add --at PATH")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"no folder can be made: `{path}` ({error.strerror})", "add --at PATH") from error
    return path
