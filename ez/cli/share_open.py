"""`ez share open`: where a share goes on this computer, and the process that keeps it there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ez.cli.access import let_in, publish_computer
from ez.cli.detach import detach
from ez.cli.session import Session
from ez.compute.ensure import ensure
from ez.env.shares.here import Opened, await_open, begin, job_of
from ez.errors import UsageError
from ez.events import step

if TYPE_CHECKING:
    from ez.env.shares.model import Share


def open_share(run: Session, name: str, share: Share, computer: str | None, at: str | None) -> Opened:
    """Raises EzError where it cannot be had; then nothing is left of it."""
    through = "" if computer in (None, ".", "local") else str(computer)
    if through:
        found = ensure(through, run.state)
        publish_computer(run, found)
        let_in(run, through)
    known = name in dict(run.settings.shares)
    path = _place(run, share, name if known else "", at)
    job = job_of(share, path, through)
    file = begin(run.settings, job)
    with step(run.sink, "open", f"Open {share.text}"):
        detach(["share", "hold-open", str(file)])
        await_open(job, file)
    return Opened(job.source, job.path, job.through)


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
